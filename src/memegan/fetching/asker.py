"""How urls are asked for: site rules, retries, pauses, alternates; and what became of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import gmtime, strftime

from urllib3 import HTTPHeaderDict

from memegan import __version__
from memegan.errors import SourceError
from memegan.fetching.checkers import Checkers
from memegan.fetching.coming import Body, Came
from memegan.fetching.download import Limits, download
from memegan.fetching.jobs import Job
from memegan.fetching.loop import Loop
from memegan.fetching.params import EngineParams
from memegan.fetching.pool import Pool, Task, host_of
from memegan.fetching.reasons import TRANSIENT, Refused
from memegan.fetching.rules import Sites, check_headers
from memegan.fetching.safety import Door
from memegan.fetching.store import Settled, Store
from memegan.fetching.transfers import Transfers
from memegan.fetching.turns import Clock, Pace, Turns
from memegan.sources.base import Media, Request

_RULES_MB = 0.5  # of a robots.txt: RFC 9309 asks to read at least as much


class Asker:
    """Asks politely; it is the `Gate` of its own downloads."""

    def __init__(
        self, params: EngineParams, store: Store, snapshot: str, door: Door, clock: Clock
    ) -> None:
        self.params, self.store, self.snapshot = params, store, snapshot
        self.door, self.clock = door, clock
        self._media = Pace(1 / params.requests_per_s, clock, door.hosts)
        self._sites = Sites(params.obey, self._media.slower.__setitem__)
        self._of_rules = params.limits.model_copy(update={"max_mb": _RULES_MB})
        self._checkers: Checkers | None = None
        self._shut = set[str]()  # hosts whose other urls are left to the next scrape

    @contextmanager
    def transfers(self, connections: int) -> Iterator[Transfers]:
        p = self.params
        known = "; ".join(filter(None, ("builds image datasets", p.contact)))
        agent = f"memegan/{__version__} ({known})"
        with Loop(self.clock) as loop, Transfers(loop, self.door, agent, connections) as web:
            yield web

    def fetched(self, tasks: Iterator[Task | None], total: int | None) -> Iterator[Settled]:
        """Yield how the urls of tasks ended, as they do.

        Args:
            tasks: None for a moment in which others may go on.
            total: of the tasks, where it is known: then the time left is told.
        """
        p = self.params
        with self.ready() as checkers, self.transfers(p.connections) as web:
            web.loop.waiters.append(checkers)
            ask, check = partial(self._ask, web), partial(self._check, web.loop, checkers)
            turns = Turns[Task](self._media)
            pool = Pool(web.loop, turns, ask, check, self._left, checkers, p.connections, total)
            yield from pool.run(tasks)

    @contextmanager
    def ready(self) -> Iterator[Checkers]:
        """Give the processes that check, which start now if they are not there."""
        if self._checkers is not None:
            yield self._checkers
            return
        with Checkers(self.store.files, self.params.placeholders) as self._checkers:
            try:
                yield self._checkers
            finally:
                self._checkers = None

    def _left(self, task: Task) -> Came | None:
        came = self.store.coming.take(task.media.url)
        task.tries = came.tries if came else 0
        return came

    async def _ask(self, web: Transfers, task: Task) -> Came | Settled | float:
        """Ask once; return what came, how the url ended, or after which pause to ask again."""
        task.tries, task.here = task.tries + 1, task.here + 1
        try:
            if task.host in self._shut:
                raise Refused("rate_limited", "left to the next scrape")
            request = task.request
            if task.url != request.url:  # an alternate
                request = replace(request, url=task.url)
            body = await download(web, request, self.params.limits, self)
        except Refused as error:
            pause = self._pause_s(error, task.host, task.here, self._media)
            return self._next_place(task, error) if pause is None else pause
        if body.is_unchanged and task.known is not None:
            return task.known
        return self.store.coming.put(task.media.url, body, task.tries)

    async def _check(
        self, loop: Loop, checkers: Checkers, task: Task, came: Came
    ) -> Settled | float:
        """Look at what came; the same would come again, so another place is asked if it is bad."""
        media, piece = task.media, came.piece
        job = Job(piece.path, piece.offset, piece.size, media.md5, media.sha256)
        answer = await checkers.check(loop, task.place, job)
        self.store.coming.done(piece)
        if answer.errno:
            raise OSError(answer.errno, answer.detail)
        if answer.reason and came.was_left:  # a machine that failed may have damaged it
            return 0.0
        if answer.reason:
            return self._next_place(task, Refused(answer.reason, answer.detail))
        if answer.is_new:
            self.store.note_new(answer.sha256)
        return kept(media, answer.content_type, answer.sha256, came, self.snapshot)

    def _next_place(self, task: Task, error: Refused) -> Settled | float:
        if task.give_up_place(error):
            return 0.0
        if task.known is not None:
            return task.known  # gone upstream is no reason to lose it
        return replace(failed(task.media, task.reason, self.snapshot), tries=task.tries)

    async def patiently(self, web: Transfers, request: Request, pace: Pace, limits: Limits) -> Body:
        """Download with retries, outside of the queue: pages and the rules of sites."""
        host, number = host_of(request.url), 0
        while True:
            number += 1
            while left := pace.left(host):
                await web.loop.pause(left)
            try:
                return await download(web, request, limits)
            except Refused as error:
                pause = self._pause_s(error, host, number, pace)
                if pause is None:
                    raise
            await web.loop.pause(pause)

    def _pause_s(self, error: Refused, host: str, number: int, pace: Pace) -> float | None:
        """Return after which pause to ask again, None for not at all.

        Raises:
            SourceError: the host limits us, and the parameters say that this ends the scrape.
        """
        p, named = self.params, error.retry_after_s
        # a body that broke off may be whole the next time
        if error.reason not in TRANSIENT | {"truncated"} or host in self._shut:
            return None
        pause = 0.5 * 2 ** (number - 1) if named is None else named
        if error.reason == "rate_limited" and p.on_rate_limit == "fail":
            raise SourceError(
                f"it says: too many requests; ask again in {pause:.0f} s",
                where=host,
                fix="lower scrape.requests_per_s, or set scrape.on_rate_limit to wait or skip",
            )
        is_too_long = pause > p.max_wait_s
        if error.reason == "rate_limited" and (is_too_long or p.on_rate_limit == "skip"):
            self._shut.add(host)
            return None
        if is_too_long or number == p.tries:
            return None
        if named is not None or error.reason == "rate_limited":
            pace.hold(host, pause)
        return pause

    async def asking(self, web: Transfers, url: str) -> None:
        """Ask the rules of the url's site first (a `Gate`)."""

        async def fetch(rules: str) -> bytes:
            return (await self.patiently(web, Request(rules), self._media, self._of_rules)).data

        await self._sites.check(web.loop, url, fetch)

    def answered(self, headers: HTTPHeaderDict) -> None:
        """Look for reservations (a `Gate`)."""
        check_headers(self.params.obey, headers)


def kept(media: Media, kind: str, sha256: str, came: Came, snapshot: str) -> Settled:
    """Say of a url that its file is in the store."""
    return Settled(
        media.url,
        "ok",
        content_type=kind,
        sha256=sha256,
        final_url=came.final_url,
        etag=came.etag,
        last_modified=came.last_modified,
        tries=came.tries,
        snapshot=snapshot,
        fetched_at=_now(),
    )


def failed(media: Media, reason: str, snapshot: str) -> Settled:
    """Say of a url that it gave no file."""
    return Settled(media.url, "failed", reason, snapshot=snapshot, fetched_at=_now())


def _now() -> str:
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime())
