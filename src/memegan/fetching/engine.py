"""The engine: asks for many urls at once, politely, and journals how each one ended."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import chain, groupby
from pathlib import Path

from memegan.errors import SourceError
from memegan.fetching.asker import Asker, failed, kept
from memegan.fetching.coming import Came, Piece
from memegan.fetching.download import conditions
from memegan.fetching.jobs import has_checksums
from memegan.fetching.line import Asked, Line
from memegan.fetching.local import read_file, read_members
from memegan.fetching.params import EngineParams
from memegan.fetching.pool import Task
from memegan.fetching.reasons import TRANSIENT, Refused
from memegan.fetching.safety import Door, Resolver, resolve
from memegan.fetching.store import Page, Settled, Store
from memegan.fetching.turns import Clock, Pace
from memegan.sources.base import Media, Request


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
        named = dict(hosts or {})
        door = Door(named, params.allow_private_hosts, resolver)
        self._asker = Asker(params, store, snapshot, door, clock or Clock())
        self._lists = Pace(1 / params.api_requests_per_s, self._asker.clock, named)

    def page(self, request: Request) -> bytes:
        """Return a page of an API or feed (a `Fetcher`); one that has not changed, from the store.

        Raises:
            SourceError: there is none, after all retries.
        """
        known = self.store.page(request.url)
        asked = _if_changed(request, known) if known else request
        try:
            with self._asker.transfers(1) as web:
                asking = self._asker.patiently(web, asked, self._lists, self.params.limits)
                body = web.loop.run(asking)
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

    def ready(self) -> AbstractContextManager[object]:
        """Start the processes that check what comes, for the block: that takes them a moment."""
        return self._asker.ready()

    def settle(self, asked: Iterable[Asked], total: int | None = None) -> Counter[str]:
        """Do all that `settling` does; count the urls by how they ended."""
        line = Line(asked)
        for _ in self.settling(line, total):
            pass
        return line.counts

    def settling(self, line: Line, total: int | None = None) -> Generator[int, None, None]:
        """Fetch what is not settled yet; the store knows how each url ended.

        A url whose file is in the store is not asked again, nor one that failed for good; what
        may pass (TRANSIENT) is. The line is read as it is worked off, and nothing is held of
        what has ended: memory stays flat. A Ctrl-C or kill keeps all that had come.

        Args:
            total: urls to fetch, where it is known: then the time left is told.

        Yields:
            as urls end: how many, counted from the first of the line, have ended.
        """
        for result in self._fetched(self._tasks(line), total):
            self._note(result, line)
            if self.params.revalidate:
                self.store.note_checked(result.url, self.snapshot)
            yield line.ended

    def _tasks(self, line: Line) -> Iterator[Task | None]:
        """Yield what must be fetched; settle on the way what stands or lies on this machine.

        None stands for such a url: it takes a moment, in which transfers could go on.
        """
        for path, some in groupby(line, key=_archive_of):
            if path is not None:
                for result in self._from_archive(path, list(some)):
                    self._note(result, line)
                    yield None
                continue
            for media, request in some:
                yield self._begun(media, request, line)

    def _begun(self, media: Media, request: Request, line: Line) -> Task | None:
        """Settle a url if that needs no network; else make its task."""
        if request.file is not None:
            self._note(self._from_file(media, request.file), line)
            return None
        before = self.store.settled(media.url)
        if found := self._standing(media, before):
            line.has_ended(media.url, found.reason)
            return None
        return self._task(media, request, before)

    def _note(self, result: Settled, line: Line) -> None:
        self.store.settle(result)
        line.has_ended(result.url, result.reason)

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

    def _fetched(self, tasks: Iterator[Task | None], total: int | None) -> Iterator[Settled]:
        first = next((task for task in tasks if task), None)  # without one, nothing is started
        if first is not None:
            yield from self._asker.fetched(chain([first], tasks), total)
        self.store.coming.clear()

    def _from_file(self, media: Media, path: Path) -> Settled:
        try:
            return self._stored(media, read_file(path, self.params.limits))
        except Refused as error:
            return failed(media, error.reason, self.snapshot)

    def _from_archive(self, path: Path, asked: Sequence[Asked]) -> Iterator[Settled]:
        wanted = {request.member: media for media, request in asked}
        for number, found in enumerate(read_members(path, self.params.limits)):
            if media := wanted.pop(number, None):
                try:
                    if isinstance(found, Refused):
                        raise found
                    yield self._stored(media, found)
                except Refused as error:
                    yield failed(media, error.reason, self.snapshot)
        for media in wanted.values():
            yield failed(media, "gone", self.snapshot)

    def _stored(self, media: Media, data: bytes) -> Settled:
        # what decodes takes long to load, and a scrape of the web has its processes for it
        from memegan.fetching.checking import check_media

        kind = check_media(media, data, self.params.placeholders)
        came = Came(Piece("", 0, len(data)), media.url)
        return kept(media, kind, self.store.put(data), came, self.snapshot)


def _archive_of(asked: Asked) -> Path | None:
    return asked[1].file if asked[1].member is not None else None


def _if_changed(request: Request, known: Settled | Page) -> Request:
    """Ask for what we have only if it has changed."""
    headers = {**request.headers, **conditions(known.etag, known.last_modified)}
    return replace(request, headers=headers)
