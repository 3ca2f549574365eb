"""A chat or channel as Telegram Desktop exports it: result.json and files beside it, no token."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from memegan.params import did_you_mean
from memegan.sources.base import Fetcher, LocalParams, Media, Post, Request, left_out, utc

_MOVING = ("animation", "video_file")  # what media_type says of files that are taken
_INDEX = "result.json"


class TelegramSource(LocalParams):
    """Photos, pictures sent as files, animations and videos of one exported chat."""

    needs_terms: ClassVar[bool] = True
    names_files: ClassVar[bool] = True

    kind: Literal["telegram"]
    path: Path = Field(description="the export's folder, which holds result.json")
    chat: str = Field(default="", description="name or id, where the export holds several")
    stickers: bool = Field(default=False, description="take stickers too")

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        self.check_path()
        try:
            export = self.read_json((self.path / _INDEX).read_bytes())
        except OSError as error:
            fix = f"give the folder with {_INDEX}: export as 'Machine-readable JSON'"
            raise self.refusal(f"the export cannot be read: {error}", fix) from None
        for message in self._chat(export)["messages"]:
            if message["type"] == "message" and ("photo" in message or "file" in message):
                yield self._post(message)

    def request(self, url: str) -> Request:
        return Request(url, file=self.file(url))

    def _chat(self, export: Mapping[str, Any]) -> Mapping[str, Any]:
        if "messages" in export and not self.chat:
            return export
        chats: Sequence[Mapping[str, Any]] = export.get("chats", {}).get("list") or [export]
        found = [c for c in chats if self.chat in (c.get("name"), str(c.get("id")))]
        if len(found) == 1 or (len(chats) == 1 and not self.chat):
            return (found or chats)[0]
        names = [c["name"] for c in chats if c.get("name")]
        hint = did_you_mean(self.chat, names)
        what = f"{len(found)} of {len(chats)} chats are called '{self.chat}'{hint}"
        raise self.refusal(what, "name one with `chat`, by its name or id")

    def _post(self, message: Mapping[str, Any]) -> Post:
        name, why_not = self._file(message)
        return Post(
            id=str(message["id"]),
            media=(Media(self.url_of(name)),) if name and not why_not else (),
            text=_plain(message.get("text", "")),
            posted_at=utc(int(message.get("date_unixtime", 0))),
            extra={
                **({"is_forward": "1"} if "forwarded_from" in message else {}),
                **left_out([why_not] if why_not else []),
            },
        )

    def _file(self, message: Mapping[str, Any]) -> tuple[str, str]:
        """Return a message's file and why it is left out; the thumbnails beside are never one."""
        name = message.get("photo") or message.get("file") or ""
        kind = "photo" if "photo" in message else message.get("media_type", "")
        broad = message.get("mime_type", "").partition("/")[0]
        if name.startswith("("):  # "(File not included. Change data exporting settings ...)"
            return name, f"{kind or 'file'} not exported"
        if kind == "sticker" and not self.stickers:
            return name, kind
        if name and kind not in ("photo", "sticker", *_MOVING) and broad not in ("image", "video"):
            return name, kind or broad or "file"
        if name and not self.holds(name):
            return name, "file outside the export"
        is_large = self.is_large(message.get("width", 0), message.get("height", 0))
        return name, "" if is_large or not name else "too small"


def _plain(text: str | Sequence[str | Mapping[str, str]]) -> str:
    """Return the text of a message, a text or a list of texts and of parts with a style."""
    parts = [text] if isinstance(text, str) else text
    return "".join(part if isinstance(part, str) else part["text"] for part in parts)
