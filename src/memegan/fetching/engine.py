"""The engine: asks for urls in a pool of threads, politely, and journals how each one ended."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
from pydantic import Field

from memegan.errors import SourceError
from memegan.fetching.download import Body, Limits, check_media, download
from memegan.fetching.local import SCHEME, archive_of, read_file, read_members
from memegan.fetching.reasons import TRANSIENT, Refused
from memegan.fetching.safety import safe_session
from memegan.fetching.store import Settled, Store
from memegan.params import Section
from memegan.sources.base import Media, Request

log = logging.getLogger(__name__)


class EngineParams(Section):
    """How hard the engine may ask."""

    threads: int = Field(
        default=8, ge=1, le=64, description="downloads at once; more bought nothing"
    )
    tries: int = Field(default=3, ge=1, description="for answers that may change")
    requests_per_s: float = Field(default=8, gt=0, description="to one host")
    max_wait_s: float = Field(default=120, ge=0, description="longest Retry-After that is obeyed")
    allow_private: bool = Field(default=False, description="let private addresses through")
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


class Engine:
    """Downloads for all sources; `page` answers an API, `settle` a list of media."""

    def __init__(
        self,
        params: EngineParams,
        store: Store,
        snapshot: str,
        hosts: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.params, self.store, self.snapshot = params, store, snapshot
        self.hosts, self.clock = dict(hosts or {}), clock or Clock()
        self._local = threading.local()
        self._turns = _Turns(1 / params.requests_per_s, self.clock)

    def page(self, request: Request) -> bytes:
        """Return a page of an API (a `Fetcher`).

        Raises:
            SourceError: there is none, after all retries.
        """
        try:
            return self._patiently(request)[0].data
        except Refused as error:
            raise SourceError(
                f"no answer to use: {error}",
                where=request.url.split("?")[0],
                fix="try again later; without a network use `dvc pull scrape` or the demo",
            ) from None

    def settle(self, media: Iterable[tuple[Media, Request]]) -> dict[str, Settled]:
        """Fetch what is not settled yet; return how each url ended.

        An url whose file is in the store is not asked again, nor one that failed for good in
        this snapshot; what may pass (TRANSIENT) is. Ctrl-C keeps all that had come.
        """
        done: dict[str, Settled] = {}
        todo: list[tuple[Media, Request]] = []
        archives: dict[str, list[str]] = {}
        for item, request in {m.url: (m, r) for m, r in media}.values():
            if item.url.startswith(SCHEME):
                if path := archive_of(item.url):
                    archives.setdefault(path.as_posix(), []).append(item.url)
                else:
                    done[item.url] = self._locally(item)
            elif (found := self.store.settled(item.url)) and self._stands(found):
                done[item.url] = found
            else:
                todo.append((item, request))
        for urls in archives.values():
            done |= self._members(urls)
        for result in self._in_pool(todo):
            self.store.settle(result)
            done[result.url] = result
        return done

    def _stands(self, found: Settled) -> bool:
        return found.status == "ok" or (
            found.snapshot == self.snapshot and found.reason not in TRANSIENT
        )

    def _in_pool(self, todo: Sequence[tuple[Media, Request]]) -> Iterator[Settled]:
        """Yield results as they come, with a bounded number under way."""
        ended, started = Counter[str](), self.clock.now()
        waiting, running = iter(todo), set[Future[Settled]]()
        with ThreadPoolExecutor(self.params.threads) as pool:
            try:
                while True:
                    for item in waiting:
                        running.add(pool.submit(self._one, *item))
                        if len(running) >= 4 * self.params.threads:
                            break
                    if not running:
                        return
                    finished, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        result = future.result()
                        ended[result.reason or "ok"] += 1
                        yield result
                    if (count := ended.total()) % 500 < len(finished) or count == len(todo):
                        rate = count / max(self.clock.now() - started, 1e-3)
                        left = (len(todo) - count) / rate
                        counts = ", ".join(f"{n} {k}" for k, n in ended.most_common())
                        log.info(
                            "%d of %d urls, %.0f/s, %.0f s left: %s",
                            count,
                            len(todo),
                            rate,
                            left,
                            counts,
                        )
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _one(self, media: Media, request: Request) -> Settled:
        refused, tries = Refused("no_answer"), 0
        for url in (media.url, *media.alternates):
            try:
                body, tries = self._patiently(Request(url, request.headers))
                kind = check_media(media, body.data)
                sha256 = self.store.put(body.data)
                return Settled(
                    media.url,
                    "ok",
                    "",
                    body.final_url,
                    kind,
                    sha256,
                    body.etag,
                    body.last_modified,
                    tries,
                    self.snapshot,
                )
            except Refused as error:
                refused = error
        return Settled(media.url, "failed", refused.reason, tries=tries, snapshot=self.snapshot)

    def _patiently(self, request: Request) -> tuple[Body, int]:
        """Download with retries; return the body and how many tries it took."""
        host = urlsplit(request.url).hostname or ""
        for number in range(1, self.params.tries + 1):
            if host not in self.hosts:
                self._turns.wait(host)
            try:
                return download(self._session(), request, self.params.limits), number
            except Refused as error:
                named = error.retry_after_s
                pause = 0.5 * 2 ** (number - 1) if named is None else named
                last = number == self.params.tries or pause > self.params.max_wait_s
                if error.reason not in TRANSIENT or last:
                    raise
                self.clock.sleep(pause)
        raise AssertionError("a try returns or raises")

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):  # one a thread: requests' sessions share nothing
            self._local.session = safe_session(self.hosts, self.params.allow_private)
        session: requests.Session = self._local.session
        return session

    def _locally(self, media: Media) -> Settled:
        try:
            return self._kept(media, read_file(media.url, self.params.limits))
        except Refused as error:
            return Settled(media.url, "failed", error.reason, snapshot=self.snapshot)

    def _members(self, urls: Sequence[str]) -> dict[str, Settled]:
        wanted, done = set(urls), {}
        path = archive_of(urls[0])
        assert path is not None  # the caller grouped by it
        for url, found in read_members(path, self.params.limits):
            if url in wanted:
                try:
                    if isinstance(found, Refused):
                        raise found
                    done[url] = self._kept(Media(url), found)
                except Refused as error:
                    done[url] = Settled(url, "failed", error.reason, snapshot=self.snapshot)
        return done

    def _kept(self, media: Media, data: bytes) -> Settled:
        kind = check_media(media, data)
        sha256 = self.store.put(data)
        return Settled(media.url, "ok", "", media.url, kind, sha256, snapshot=self.snapshot)
