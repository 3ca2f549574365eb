"""The engine: asks for urls in a pool of threads, politely, and journals how each one ended."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Literal

from pydantic import Field
from urllib3 import HTTPHeaderDict

from memegan import __version__
from memegan.errors import SourceError
from memegan.fetching.download import Body, Limits, check_media, conditions, download, has_checksums
from memegan.fetching.local import read_file, read_members
from memegan.fetching.pool import Pool, Task, host_of, listened_to
from memegan.fetching.reasons import TRANSIENT, Refused
from memegan.fetching.rules import Rules, Sites, check_headers
from memegan.fetching.safety import Door, Resolver, resolve
from memegan.fetching.session import SafeSession
from memegan.fetching.store import Page, Settled, Store
from memegan.fetching.turns import Clock, Pace, Turns
from memegan.params import Section
from memegan.sources.base import Media, Request

Asked = tuple[Media, Request]
_RULES_MB = 0.5  # of a robots.txt: RFC 9309 asks to read at least as much


class EngineParams(Section):
    """How hard the engine may ask, and what it obeys."""

    threads: int = Field(
        default=8, ge=1, le=64, description="downloads at once; more bought nothing"
    )
    tries: int = Field(default=3, ge=1, description="for answers that may change")
    requests_per_s: float = Field(default=8, gt=0, description="of media, to one host")
    api_requests_per_s: float = Field(default=3, gt=0, description="of lists, to one host")
    on_rate_limit: Literal["wait", "skip", "fail"] = Field(
        default="wait",
        description="at a 429: as long as the host says; leave its other urls to the next "
        "scrape; or stop the scrape",
    )
    max_wait_s: float = Field(
        default=120, ge=0, description="longest Retry-After that is waited for, then skip"
    )
    revalidate: bool = Field(
        default=False, description="in a new snapshot, ask whether known files have changed"
    )
    obey: Rules = Field(default_factory=Rules)
    contact: str = Field(
        default="",
        pattern=r"^[ -~]*$",
        description="address or page by which a site can reach you; part of the User-Agent",
    )
    placeholders: tuple[str, ...] = Field(
        default=(), description="further pictures that stand for removed ones: md5 of the file"
    )
    allow_private_hosts: tuple[str, ...] = Field(
        default=(), description="names that may lead to private addresses"
    )
    limits: Limits = Field(default_factory=Limits)


class Engine:
    """Downloads for all sources; `page` answers an API, `settle` a list of media."""

    def __init__(
        self,
        params: EngineParams,
        store: Store,
        snapshot: str,
        hosts: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        resolver: Resolver = resolve,
    ) -> None:
        self.params, self.store, self.snapshot = params, store, snapshot
        self.hosts, self.resolver, self.clock = dict(hosts or {}), resolver, clock or Clock()
        self._media = Pace(1 / params.requests_per_s, self.clock, self.hosts)
        self._lists = Pace(1 / params.api_requests_per_s, self.clock, self.hosts)
        self._sites = Sites(params.obey, self._media.slower.__setitem__)
        self._shut = set[str]()  # hosts whose other urls are left to the next scrape

    def page(self, request: Request) -> bytes:
        """Return a page of an API or feed (a `Fetcher`); one that has not changed, from the store.

        Raises:
            SourceError: there is none, after all retries.
        """
        known = self.store.page(request.url)
        asked = _if_changed(request, known) if known else request
        try:
            with self._sessions(1) as (session,):
                body = self._patiently(session, asked, self._lists, self.params.limits)
        except Refused as error:
            raise SourceError(
                f"no answer to use: {error}",
                where=request.url.split("?")[0],
                fix="try again later; without a network use `dvc pull scrape` or the demo",
            ) from None
        if body.is_unchanged and known is not None:
            return known.data
        self.store.keep_page(request.url, body.data, body.etag, body.last_modified)
        return body.data

    def settle(
        self,
        asked: Iterable[Asked],
        total: int | None = None,
        ended: Callable[[int], None] = lambda count: None,
    ) -> Counter[str]:
        """Fetch what is not settled yet; the store knows how each url ended. Count the reasons.

        A url whose file is in the store is not asked again, nor one that failed for good; what
        may pass (TRANSIENT) is. `asked` is read as it is worked off, and nothing is held of what
        has ended: memory stays flat. A Ctrl-C or kill keeps all that had come.

        Args:
            total: urls to fetch, where it is known: then the time left is told.
            ended: told now and then how many of `asked`, counted from the first, have ended.

        Returns:
            how many urls ended with each reason, "ok" for those with a file.
        """
        counts, line = Counter[str](), _Line(asked)
        for result in self._fetched(self._tasks(line, counts), total):
            self._note(result, line, counts)
            if self.params.revalidate:
                self.store.note_checked(result.url, self.snapshot)
            ended(line.ended)
        return counts

    def _tasks(self, line: "_Line", counts: Counter[str]) -> Iterator[Task]:
        """Yield what must be fetched; settle on the way what stands or lies on this machine."""
        for path, some in groupby(line, key=_archive_of):
            if path is not None:
                for result in self._from_archive(path, list(some)):
                    self._note(result, line, counts)
                continue
            for media, request in some:
                if request.file is not None:
                    self._note(self._from_file(media, request.file), line, counts)
                    continue
                before = self.store.settled(media.url)
                if found := self._standing(media, before):
                    line.has_ended(media.url)
                    counts[found.reason or "ok"] += 1
                else:
                    yield self._task(media, request, before)

    def _note(self, result: Settled, line: "_Line", counts: Counter[str]) -> None:
        self.store.settle(result)
        line.has_ended(result.url)
        counts[result.reason or "ok"] += 1

    def standing(self, media: Media) -> Settled | None:
        """Return how a url ended if that stands: it need not be asked again."""
        return self._standing(media, self.store.settled(media.url))

    def _standing(self, media: Media, found: Settled | None) -> Settled | None:
        if found is None or found.reason in TRANSIENT:
            return None
        if found.sha256 and not self._has_checksums(media, found):
            return None
        if found.sha256 and self.params.revalidate:
            return found if self.store.checked(media.url) == self.snapshot else None
        return found

    def _task(self, media: Media, request: Request, found: Settled | None) -> Task:
        """Make a task; of a file that we have, and may keep, only a change is asked for."""
        if found is None or not found.sha256 or not self._has_checksums(media, found):
            return Task(media, request)
        return Task(media, _if_changed(request, found), known=found)

    def _has_checksums(self, media: Media, found: Settled) -> bool:
        """Hold a stored file against checksums that are perhaps given only now."""
        if not (media.md5 or media.sha256):
            return True
        return has_checksums(media, self.store.read(found.sha256))

    def _fetched(self, tasks: Iterator[Task], total: int | None) -> Iterator[Settled]:
        first = list(islice(tasks, self.params.threads))  # no more sessions than tasks
        pool = Pool(Turns(self._media), self._attempt, total)
        with self._sessions(len(first)) as sessions:
            yield from pool.run(chain(first, tasks), sessions)

    @contextmanager
    def _sessions(self, count: int) -> Iterator[list[SafeSession]]:
        p = self.params
        known = "; ".join(filter(None, ("builds image datasets", p.contact)))
        agent = f"memegan/{__version__} ({known})"
        door = Door(self.hosts, p.allow_private_hosts, self.resolver)
        sessions = [SafeSession(door, agent) for _ in range(count)]
        with listened_to(sessions, min(0.25, p.limits.stall_s / 4)):
            yield sessions

    def _attempt(self, session: SafeSession, task: Task) -> Settled | float:
        """Ask once; return how the url ended, or the pause after which it is asked again."""
        task.tries, task.here = task.tries + 1, task.here + 1
        try:
            if task.host in self._shut:
                raise Refused("rate_limited", "left to the next scrape")
            body = download(session, replace(task.request, url=task.url), self.params.limits, self)
        except Refused as error:
            pause = self._pause_s(error, task.host, task.here, self._media)
            if pause is None:
                return self._next_place(task, error)
            return pause
        try:
            return self._of(task, body)
        except Refused as error:  # the same body would come again
            return self._next_place(task, error)

    def _next_place(self, task: Task, error: Refused) -> Settled | float:
        if task.give_up_place(error):
            return 0.0
        if task.known is not None:
            return task.known  # gone upstream is no reason to lose it
        return replace(self._failed(task.media, task.reason), tries=task.tries)

    def _of(self, task: Task, body: Body) -> Settled:
        if body.is_unchanged and task.known is not None:
            return task.known
        return replace(
            self._kept(task.media, body.data),
            final_url=body.final_url,
            etag=body.etag,
            last_modified=body.last_modified,
            tries=task.tries,
        )

    def _patiently(
        self, session: SafeSession, request: Request, pace: Pace, limits: Limits
    ) -> Body:
        """Download with retries, outside of the queue: pages and the rules of sites."""
        host, number = host_of(request.url), 0
        while True:
            number += 1
            pace.wait(host)
            try:
                return download(session, request, limits)
            except Refused as error:
                pause = self._pause_s(error, host, number, pace)
                if pause is None:
                    raise
                self.clock.sleep(pause)

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

    def asking(self, session: SafeSession, url: str) -> None:
        """Ask the rules of the url's site first (a `Gate`)."""
        limits = self.params.limits.model_copy(update={"max_mb": _RULES_MB})
        self._sites.check(
            url, lambda rules: self._patiently(session, Request(rules), self._media, limits).data
        )

    def answered(self, headers: HTTPHeaderDict) -> None:
        """Look for reservations (a `Gate`)."""
        check_headers(self.params.obey, headers)

    def _from_file(self, media: Media, path: Path) -> Settled:
        try:
            return self._kept(media, read_file(path, self.params.limits))
        except Refused as error:
            return self._failed(media, error.reason)

    def _from_archive(self, path: Path, asked: Sequence[Asked]) -> Iterator[Settled]:
        wanted = {request.member: media for media, request in asked}
        for number, found in enumerate(read_members(path, self.params.limits)):
            if media := wanted.pop(number, None):
                try:
                    if isinstance(found, Refused):
                        raise found
                    yield self._kept(media, found)
                except Refused as error:
                    yield self._failed(media, error.reason)
        for media in wanted.values():
            yield self._failed(media, "gone")

    def _kept(self, media: Media, data: bytes) -> Settled:
        kind = check_media(media, data, self.params.placeholders)
        return Settled(
            media.url,
            "ok",
            content_type=kind,
            sha256=self.store.put(data),
            final_url=media.url,
            snapshot=self.snapshot,
            fetched_at=_now(),
        )

    def _failed(self, media: Media, reason: str) -> Settled:
        return Settled(media.url, "failed", reason, snapshot=self.snapshot, fetched_at=_now())


def _archive_of(asked: Asked) -> Path | None:
    return asked[1].file if asked[1].member is not None else None


class _Line:
    """What is asked, each url once: which of it is under way, and how much before that has ended.

    Of what has ended only digests of 12 bytes are remembered.
    """

    def __init__(self, asked: Iterable[Asked]) -> None:
        self._asked = asked
        self._seen = set[bytes]()
        self._taken = 0
        self._under_way: dict[str, int] = {}  # url: its place in the line, in that order

    def __iter__(self) -> Iterator[Asked]:
        for place, (media, request) in enumerate(self._asked):
            self._taken = place + 1
            digest = hashlib.blake2b(media.url.encode(), digest_size=12).digest()
            if digest not in self._seen:
                self._seen.add(digest)
                self._under_way[media.url] = place
                yield media, request

    def has_ended(self, url: str) -> None:
        """A url is under way no more."""
        del self._under_way[url]

    @property
    def ended(self) -> int:
        """How many, from the first on, have ended."""
        return next(iter(self._under_way.values()), self._taken)


def _if_changed(request: Request, known: Settled | Page) -> Request:
    """Ask for what we have only if it has changed."""
    headers = {**request.headers, **conditions(known.etag, known.last_modified)}
    return replace(request, headers=headers)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
