"""Sites that the program gallery-dl can list: by the program, or from what it printed before."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from memegan.sources.base import Fetcher, LocalParams, Media, Post, Request, left_out

_POST, _FILE, _ELSEWHERE, _ERROR = 2, 3, 6, -1  # what a line of its JSON is
_IDS = ("post_id", "tweet_id", "gallery_id", "id", "hash", "filename")
_TEXTS = ("title", "content", "description", "caption")
_ADULT = ("a", "adult", "e", "explicit", "r18", "r-18", "x")


class GalleryDlSource(LocalParams):
    """Posts that `gallery-dl -J` lists; the engine downloads them, gallery-dl never does.

    The kind may also be written `gallery-dl`.
    """

    needs_terms: ClassVar[bool] = True

    kind: Literal["gallery_dl", "gallery-dl"]
    url: str = Field(default="", pattern="^(https?://.+)?$", description="a page it knows")
    path: Path = Field(default=Path(), description="instead: a file with the output of -j or -J")
    referer: str = Field(default="", description="page that the site wants named by downloads")

    @model_validator(mode="after")
    def _is_one_thing(self) -> "GalleryDlSource":
        if bool(self.url) == (self.path != Path()):
            raise ValueError("give either `url` or `path`")
        return self

    @property
    def is_local(self) -> bool:
        return not self.url

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        return self._posts(self.limit)

    def preview(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield the first 101 posts at most: a whole site may take hours to list."""
        return self.chosen(self._posts(min(self.limit or 101, 101)))

    def request(self, url: str) -> Request:
        return Request(url, {"Referer": self.referer} if self.referer else {})

    def _posts(self, most: int | None) -> Iterator[Post]:
        about: Mapping[str, Any] = {}
        files: list[Sequence[Any]] = []
        seen = dict[str, int]()
        for line in [*self._lines(most), [_POST, {}]]:
            if line[0] == _ERROR:
                told = f"gallery-dl: {line[1].get('error')}: {line[1].get('message')}"
                raise self.refusal(told, "run gallery-dl by hand with this url")
            if line[0] == _FILE:
                files.append(line)
            elif line[0] == _POST:
                if about or files:
                    yield self._post(about, files, seen)
                about, files = line[1], []

    def _lines(self, most: int | None) -> Sequence[Sequence[Any]]:
        if self.is_local:
            self.check_path()
            said = self.path.read_text(encoding="utf-8")
        else:
            some = ("--post-range", f"1-{most}") if most else ()
            said = self.run("gallery-dl", "-J", *some, "--", self.url)
        lines = self.read_json(said.encode())
        if not isinstance(lines, list):
            raise self.refusal("its output is no list of messages", "save it with -J")
        if lines and all(line[0] == _ELSEWHERE for line in lines):
            raise self.refusal("it names other pages only", "save it with -J, which follows them")
        return lines

    def _post(
        self, about: Mapping[str, Any], files: Sequence[Sequence[Any]], seen: dict[str, int]
    ) -> Post:
        known = {**(files[0][2] if files else {}), **about}
        number = next((str(known[name]) for name in _IDS if known.get(name)), "")
        name = f"{known.get('category', '')}-{number}"
        seen[name] = seen.get(name, 0) + 1
        found = [self._media(url, more) for _, url, more in files]
        rating = str(known.get("rating", "")).lower()
        return Post(
            id=name if seen[name] == 1 else f"{name}-{seen[name]}",
            media=tuple(dict.fromkeys(m for m in found if isinstance(m, Media))),
            text=next((known[n] for n in _TEXTS if isinstance(known.get(n), str)), ""),
            posted_at=_utc(str(known.get("date", ""))),
            permalink=next((str(known[n]) for n in ("post_url", "webpage_url") if n in known), ""),
            is_adult=rating in _ADULT or any(known.get(n) is True for n in ("nsfw", "sensitive")),
            extra={
                **({"tags": tags} if (tags := _tags(known.get("tags"))) else {}),
                **left_out(m for m in found if isinstance(m, str)),
            },
        )

    def _media(self, url: str, about: Mapping[str, Any]) -> Media | str:
        if not url.startswith(("http://", "https://")):  # ytdl: text: and the like
            return url.partition(":")[0]
        size = [n if isinstance(n := about.get(s), int) else 0 for s in ("width", "height")]
        return Media(url) if self.is_large(*size) else "too small"


def _utc(date: str) -> str:
    """Write gallery-dl's "2025-11-21 10:00:00", which is UTC, as posts say times."""
    return f"{date[:10]}T{date[11:19]}Z" if len(date) >= 19 and date[4] == "-" else ""


def _tags(tags: object) -> str:
    if isinstance(tags, list):
        return " ".join(str(tag).replace(" ", "_") for tag in tags)
    return tags if isinstance(tags, str) else ""
