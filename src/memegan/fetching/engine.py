"""The engine: asks for urls in a pool of threads, politely, and journals how each one ended."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Queue
from urllib.parse import urlsplit

from pydantic import Field

from memegan.errors import SourceError
from memegan.fetching.download import Body, Limits, check_media, download, has_checksums
from memegan.fetching.local import read_file, read_members
from memegan.fetching.reasons import TRANSIENT, Refused
from memegan.fetching.safety import Resolver, SafeSession, resolve
from memegan.fetching.store import Settled, Store
from memegan.params import Section
from memegan.sources.base import Media, Request

log = logging.getLogger(__name__)
Asked = tuple[Media, Request]


class EngineParams(Section):
    """How hard the engine may ask."""

    threads: int = Field(
        default=8, ge=1, le=64, description="downloads at once; more bought nothing"
    )
    tries: int = Field(default=3, ge=1, description="for answers that may change")
    requests_per_s: float = Field(default=8, gt=0, description="of media, to one host")
    api_requests_per_s: float = Field(default=3, gt=0, description="of lists, to one host")
    max_wait_s: float = Field(default=120, ge=0, description="longest Retry-After that is obeyed")
    allow_private_hosts: tuple[str, ...] = Field(
        default=(), description="names that may lead to private addresses"
    )
    limits: Limits = Field(default_factory=Limits)


@dataclass(frozen=True)
class Clock:
    """Time as the engine sees it; tests bring their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class _Turns:
    """Gives each host's requests their moment, `every_s` apart."""

    every_s: float
    clock: Clock
    next: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, host: str) -> None:
        with self.lock:
            now = self.clock.now()
            turn = max(now, self.next.get(host, 0.0))
            self.next[host] = turn + self.every_s
        self.clock.sleep(max(0.0, turn - now))

    def hold(self, host: str, pause_s: float) -> None:
        """Let nobody ask a host that said how long to wait."""
        with self.lock:
            self.next[host] = max(self.next.get(host, 0.0), self.clock.now() + pause_s)


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
        self._media = _Turns(1 / params.requests_per_s, self.clock)
        self._lists = _Turns(1 / params.api_requests_per_s, self.clock)

    def page(self, request: Request) -> bytes:
        """Return a page of an API (a `Fetcher`).

        Raises:
            SourceError: there is none, after all retries.
        """
        try:
            with self._sessions(1) as (session,):
                return self._patiently(session, request, self._lists)[0].data
        except Refused as error:
            raise SourceError(
                f"no answer to use: {error}",
                where=request.url.split("?")[0],
                fix="try again later; without a network use `dvc pull scrape` or the demo",
            ) from None

    def settle(self, asked: Iterable[Asked]) -> dict[str, Settled]:
        """Fetch what is not settled yet; return how each url ended.

        A url whose file is in the store is not asked again, nor one that failed for good; what
        may pass (TRANSIENT) is. A Ctrl-C or kill keeps all that had come.
        """
        done: dict[str, Settled] = {}
        todo: list[Asked] = []
        archives: dict[Path, list[Asked]] = {}
        for media, request in {m.url: (m, r) for m, r in asked}.values():
            if request.file is None:
                if found := self.standing(media):
                    done[media.url] = found
                else:
                    todo.append((media, request))
            elif request.member is not None:
                archives.setdefault(request.file, []).append((media, request))
            else:
                done[media.url] = self._from_file(media, request.file)
        for path, members in archives.items():
            done |= self._from_archive(path, members)
        for result in self._in_pool(todo):
            self.store.settle(result)
            done[result.url] = result
        return done

    def standing(self, media: Media) -> Settled | None:
        """Return how a url ended if that stands: it need not be asked again."""
        found = self.store.settled(media.url)
        if found is None or found.reason in TRANSIENT:
            return None
        if found.sha256 and (media.md5 or media.sha256):  # perhaps given only now
            return found if has_checksums(media, self.store.read(found.sha256)) else None
        return found

    def _in_pool(self, todo: Sequence[Asked]) -> Iterator[Settled]:
        """Yield results as they come; bodies are stored before, so none waits in memory.

        The threads are daemons: an interrupted program ends at once, whatever they wait for.
        """
        waiting, ended = Queue[Asked | None](), Queue[Settled | BaseException]()
        for item in todo:
            waiting.put(item)

        def work(session: SafeSession) -> None:
            while (item := waiting.get()) is not None:
                try:
                    ended.put(self._one(session, *item))
                except BaseException as error:  # a defect is raised where results are read
                    ended.put(error)

        with self._sessions(min(self.params.threads, len(todo))) as sessions:
            for session in sessions:
                threading.Thread(target=work, args=[session], daemon=True).start()
            counts, started = Counter[str](), self.clock.now()
            try:
                for number in range(1, len(todo) + 1):
                    result = _next(ended)
                    counts[result.reason or "ok"] += 1
                    yield result
                    if number % 500 == 0 or number == len(todo):
                        _report(number, len(todo), self.clock.now() - started, counts)
            finally:
                with waiting.mutex:
                    waiting.queue.clear()
                for _ in sessions:
                    waiting.put(None)

    @contextmanager
    def _sessions(self, count: int) -> Iterator[list[SafeSession]]:
        """Give sessions, one a thread, and hang up those that pass their time."""
        p, over = self.params, threading.Event()
        sessions = [
            SafeSession(self.hosts, p.allow_private_hosts, self.resolver) for _ in range(count)
        ]

        def watch() -> None:
            while not over.wait(min(0.25, p.limits.max_s / 4)):
                for session in sessions:
                    if time.monotonic() > session.ends:
                        session.hang_up()

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield sessions
        finally:
            over.set()
            for session in sessions:
                session.hang_up()
                session.close()

    def _one(self, session: SafeSession, media: Media, request: Request) -> Settled:
        refused: list[Refused] = []
        tries = 0
        for url in (request.url, *media.alternates):
            try:
                asked = replace(request, url=url)
                body, more = self._patiently(session, asked, self._media)
                return replace(
                    self._kept(media, body.data),
                    final_url=body.final_url,
                    etag=body.etag,
                    last_modified=body.last_modified,
                    tries=tries + more,
                )
            except Refused as error:
                tries += error.tries
                refused.append(error)
        first = min(refused, key=lambda error: error.reason not in TRANSIENT)
        return replace(self._failed(media, first), tries=tries)

    def _patiently(self, session: SafeSession, request: Request, turns: _Turns) -> tuple[Body, int]:
        """Download with retries; return the body and how many tries it took."""
        try:
            host = urlsplit(request.url).hostname or ""
        except ValueError:
            raise Refused("bad_scheme", request.url[:40]) from None
        number = 0
        while True:
            number += 1
            if host not in self.hosts:
                turns.wait(host)
            try:
                return download(session, request, self.params.limits), number
            except Refused as error:
                error.tries = number
                named = error.retry_after_s
                pause = 0.5 * 2 ** (number - 1) if named is None else named
                last = number == self.params.tries or pause > self.params.max_wait_s
                # a body that broke off may be whole the next time
                if last or error.reason not in TRANSIENT | {"truncated"}:
                    raise
                if error.reason == "rate_limited":
                    turns.hold(host, pause)
                self.clock.sleep(pause)

    def _from_file(self, media: Media, path: Path) -> Settled:
        try:
            return self._kept(media, read_file(path, self.params.limits))
        except Refused as error:
            return self._failed(media, error)

    def _from_archive(self, path: Path, asked: Sequence[Asked]) -> dict[str, Settled]:
        wanted = {request.member: media for media, request in asked}
        done = {}
        for number, found in enumerate(read_members(path, self.params.limits)):
            if media := wanted.get(number):
                try:
                    if isinstance(found, Refused):
                        raise found
                    done[media.url] = self._kept(media, found)
                except Refused as error:
                    done[media.url] = self._failed(media, error)
        return done

    def _kept(self, media: Media, data: bytes) -> Settled:
        kind = check_media(media, data)
        return Settled(
            media.url,
            "ok",
            content_type=kind,
            sha256=self.store.put(data),
            final_url=media.url,
            snapshot=self.snapshot,
            fetched_at=_now(),
        )

    def _failed(self, media: Media, why: Refused) -> Settled:
        return Settled(media.url, "failed", why.reason, snapshot=self.snapshot, fetched_at=_now())


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _next(ended: "Queue[Settled | BaseException]") -> Settled:
    """Wait for a result in short turns, so that Ctrl-C is heard on every system."""
    while True:
        try:
            result = ended.get(timeout=0.5)
        except Empty:
            continue
        if isinstance(result, BaseException):
            raise result
        return result


def _report(count: int, total: int, took_s: float, counts: Counter[str]) -> None:
    rate = count / max(took_s, 1e-3)
    kinds = ", ".join(f"{n} {kind}" for kind, n in counts.most_common())
    left = (total - count) / rate
    log.info("%d of %d urls, %.0f/s, %.0f s left: %s", count, total, rate, left, kinds)
