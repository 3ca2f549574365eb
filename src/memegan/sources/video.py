"""Videos of sites that the program yt-dlp knows, for the frames stage: pictures only, no sound."""

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from memegan.errors import SourceError
from memegan.sources.base import Fetcher, Media, Post, Request, SourceParams, project_root, utc

log = logging.getLogger(__name__)
_PROGRAM = ("yt-dlp", "--ignore-config", "--no-warnings")
_NOTHING = "nothing.came"


class VideoSource(SourceParams):
    """Videos, or all videos of a playlist or channel; each is brought once and kept."""

    needs_terms: ClassVar[bool] = True
    brings_files: ClassVar[bool] = True

    kind: Literal["video"]
    urls: tuple[str, ...] = Field(min_length=1, description="pages of videos, playlists")
    max_height_px: int = Field(default=720, ge=144, description="best picture up to it")

    @field_validator("urls")
    @classmethod
    def _are_addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if odd := [url for url in urls if not url.startswith(("http://", "https://"))]:
            raise ValueError(f"'{odd[0]}' is no address of http or https")
        return urls

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        seen = set[str]()
        refused: list[SourceError] = []
        for url in self.urls:
            try:
                found = list(self._videos(url))
            except SourceError as error:  # one of many: its row says that nothing came
                refused.append(error)
                found = [Post(id=url, media=(Media(url),))]
            for post in found:
                if post.id not in seen:
                    seen.add(post.id)
                    yield post
        if len(refused) == len(self.urls):
            raise refused[0]

    def request(self, url: str) -> Request:
        name = hashlib.sha256(f"{url} {self.max_height_px}".encode()).hexdigest()[:16]
        folder = project_root() / ".memegan" / "brought" / "video"
        if not any(folder.glob(f"{name}.*")):
            self._bring(url, folder, name)
        return Request(url, file=next(folder.glob(f"{name}.*"), folder / _NOTHING))

    def _bring(self, url: str, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.which(_PROGRAM[0]) is None:
            self.run(*_PROGRAM)  # tells that it is not there
        with tempfile.TemporaryDirectory(dir=folder, prefix="part-") as part:
            best = ("-f", "bv*/b", "-S", f"res:{self.max_height_px},proto:https", "--fixup=never")
            to = ("--no-playlist", "--quiet", "-P", part, "-o", f"{name}.%(ext)s")
            try:
                self.run(*_PROGRAM, *best, *to, "--", url)
            except SourceError as error:  # gone, private: its row says so, the others go on
                log.warning("%s: %s", url, error)
                return
            for file in Path(part).iterdir():
                file.replace(folder / file.name)

    def _videos(self, url: str) -> Iterator[Post]:
        some = ("--playlist-end", str(self.limit)) if self.limit else ()
        said = self.run(*_PROGRAM, "-J", "--flat-playlist", *some, "--", url)
        about: Mapping[str, Any] = json.loads(said)
        for video in _flat(about):
            page = video.get("webpage_url") or video["url"]
            site = str(video.get("extractor_key") or video.get("ie_key") or "").lower()
            licence = video.get("license")
            yield Post(
                id=f"{site}-{video['id']}",
                media=(Media(page),),
                text=video.get("title") or "",
                posted_at=_day(video),
                permalink=page,
                is_adult=(video.get("age_limit") or 0) >= 18,
                extra={"licence": licence} if licence else {},
            )


def _flat(about: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the videos of a playlist, and of those inside it (a channel's tabs)."""
    if about.get("_type") != "playlist":
        yield about
        return
    for entry in about["entries"]:
        yield from _flat(entry)


def _day(video: Mapping[str, Any]) -> str:
    day = video.get("upload_date") or ""
    if video.get("timestamp") or not day:
        return utc(video.get("timestamp") or 0)
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00Z"
