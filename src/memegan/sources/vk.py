"""VK communities by `wall.get` (API 5.199), with a service token from the environment."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

from pydantic import Field

from memegan.errors import SourceError
from memegan.sources.base import (
    Fetcher,
    Media,
    Post,
    Request,
    SourceParams,
    left_out,
    project_root,
    utc,
)

TOKEN = "VK_SERVICE_TOKEN"
_PAGE = 100  # as many as VK gives at once
_PAUSES_S = (0.5, 1.0, 2.0, 4.0)  # between tries
_TRY_AGAIN = (1, 6, 10)  # unknown, too many a second, server
_LONG_STOPS = {9: 1.0, 29: 24.0}  # hours: flood control; the day's quota is used up
_MEND = {
    5: f"make a new service token and set {TOKEN}",
    14: "VK asks for a captcha: open the site with the token's account, then wait a day",
    15: "the wall is closed to this token; choose an open community",
    18: "the page was deleted or banned; take the source out (what came before stays)",
    19: "the content is blocked; take the source out",
    30: "the profile is private; choose an open community",
    100: "mend `community`: a short name, a number, club123, or -123",
    113: "mend `community`: there is no such user",
    125: "mend `community`: there is no such community",
}
_ADULTS_ONLY = 3  # age_limits of a community: 1 none, 2 from 16, 3 from 18
_BY_LETTER = "smxyzw"  # sizes whose width and height VK does not know, small to large
_PICTURES = ("gif", "jpeg", "jpg", "png", "webp")


class VkSource(SourceParams):
    """The wall of a community or person: photos, galleries, reposts, picture documents.

    Newest posts first. Posts of communities for adults count as adult.
    """

    needs_terms: ClassVar[bool] = True
    newest_first: ClassVar[bool] = True

    kind: Literal["vk"]
    community: str = Field(min_length=1, description="short name, number, club123, id1 or -123")
    posted_by: Literal["all", "owner", "others"] = Field(
        default="all", description="owner: the community itself; others: its readers"
    )
    api: str = Field(default="https://api.vk.com/method", description="another address of it")

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        return VkApi(self, fetch).wall()

    def count(self, fetch: Fetcher) -> int | None:
        return VkApi(self, fetch).count()

    def request(self, url: str) -> Request:
        return Request(url)


@dataclass(frozen=True)
class Clock:
    """Time as a source sees it; tests bring their own."""

    now: Callable[[], float] = time.time  # seconds since 1970
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class LongStop:
    """VK, which said "not for hours" is not asked again before, by no later run either."""

    token: str  # another token may be asked: its digest is in the file's name
    clock: Clock = field(default_factory=Clock)

    @property
    def path(self) -> Path:
        """Where it is remembered, outside DVC's outs."""
        digest = hashlib.sha256(self.token.encode()).hexdigest()[:8]
        return project_root() / ".memegan" / "stops" / f"vk-{digest}.json"

    def hours_left(self) -> float:
        """Return how long the service must be left alone, 0 for not at all."""
        if not self.path.exists():
            return 0
        until: float = json.loads(self.path.read_text(encoding="utf-8"))["until"]
        return max(0, until - self.clock.now()) / 3600

    def begin(self, hours: float) -> None:
        """Remember it from now on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps({"until": self.clock.now() + hours * 3600}), encoding="utf-8")
        part.replace(self.path)


@dataclass
class VkApi:
    """One listing of a wall. Errors come with HTTP 200 and each has its own treatment."""

    source: VkSource
    fetch: Fetcher
    clock: Clock = field(default_factory=Clock)

    def wall(self) -> Iterator[Post]:
        """Yield all posts once, also where some are deleted between two pages.

        Raises:
            SourceError: VK refuses, for good or for hours.
        """
        offset, count = 0, 1
        seen = set[int]()
        while offset < count:
            page = self.call("wall.get", self._query(offset))
            moved_up, count = max(0, count - page["count"]) if offset else 0, page["count"]
            if moved_up:  # into pages that we have: ask for this one again, from that much before
                offset = max(0, offset - moved_up)
                continue
            offset += _PAGE
            adults = {g["id"] for g in page.get("groups", []) if _is_for_adults(g)}
            for item in page["items"]:
                if item["id"] not in seen:
                    seen.add(item["id"])
                    yield self._post(item, adults)
            if self._is_before(page["items"]):
                return

    def count(self) -> int:
        """Return how many posts the wall has.

        Raises:
            SourceError: as `wall`.
        """
        count: int = self.call("wall.get", self._query(0) | {"count": "1"})["count"]
        return count

    def call(self, method: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the `response` of a method.

        Raises:
            SourceError: VK refuses, after all retries; the token is not in the message.
        """
        token = self.source.secret(TOKEN)
        stop = LongStop(token, self.clock)
        if hours := stop.hours_left():
            raise self._stopped(hours)
        url = f"{self.source.api}/{method}?{urlencode({**query, 'v': '5.199'})}"
        for pause_s in (*_PAUSES_S, None):
            body = self.fetch(Request(url, {"Authorization": f"Bearer {token}"}))
            answer = self.source.read_json(body)
            if "response" in answer:
                response: Mapping[str, Any] = answer["response"]
                return response
            code = answer["error"]["error_code"]
            if code in _LONG_STOPS:
                stop.begin(_LONG_STOPS[code])
                raise self._stopped(_LONG_STOPS[code])
            if pause_s is None or code not in _TRY_AGAIN:
                break
            self.clock.sleep(pause_s)
        told = str(answer["error"].get("error_msg", "")).replace(token, "***")
        mend = _MEND.get(code, "run `memegan sources check`; docs/sources/vk.md lists the errors")
        mend = "try again later" if code in _TRY_AGAIN else mend
        raise self.source.refusal(f"VK refuses: {told} (error {code})", mend)

    def _stopped(self, hours: float) -> SourceError:
        what = f"VK asks for a long stop: no request with this token for {hours:.1f} h"
        return self.source.refusal(what, "run again after it; what came before is kept")

    def _query(self, offset: int) -> dict[str, str]:
        name = self.source.community
        found = re.fullmatch(r"(?:(club|public|event|id)|(-?))(\d+)", name)
        number = int(found[3]) if found else 0
        who = {"owner_id": str(number if found[1] == "id" else -number)} if found else {}
        return {
            **(who or {"domain": name}),
            "offset": str(offset),
            "count": str(_PAGE),
            "filter": self.source.posted_by,
            "extended": "1",
            "fields": "age_limits",
        }

    def _is_before(self, items: Sequence[Mapping[str, Any]]) -> bool:
        """Tell whether all that follows is before the date range; a pinned post tells nothing."""
        dates = [item["date"] for item in items if not item.get("is_pinned")]
        return bool(dates) and utc(max(dates))[:10] < self.source.since

    def _post(self, item: Mapping[str, Any], adults: set[int]) -> Post:
        origins = item.get("copy_history") or []
        own = {} if item.get("is_deleted") else item
        found = [self._media(a) for part in (own, *origins) for a in part.get("attachments", [])]
        first = origins[-1] if origins else {}
        return Post(
            id=str(item["id"]),
            media=tuple(dict.fromkeys(m for m in found if isinstance(m, Media))),
            text=item.get("text") or first.get("text", ""),
            posted_at=utc(item["date"]),
            permalink=f"https://vk.com/wall{item['owner_id']}_{item['id']}",
            is_adult=any(-part.get("owner_id", 0) in adults for part in (item, *origins)),
            extra={
                **({"repost_of": f"{first['owner_id']}_{first['id']}"} if first else {}),
                **({"is_ad": "1"} if item.get("marked_as_ads") else {}),
                **left_out(m for m in found if isinstance(m, str)),
            },
        )

    def _media(self, attachment: Mapping[str, Any]) -> Media | str:
        """Return what can be asked for, or the word for what is left out."""
        kind = attachment["type"]
        if kind == "doc" and attachment["doc"].get("ext", "").lower() in _PICTURES:
            return Media(attachment["doc"]["url"])
        if kind != "photo":
            return str(kind)
        photo = attachment["photo"]
        sizes = [s for s in (*photo.get("sizes", []), photo.get("orig_photo", {})) if _url(s)]
        if not sizes:
            return "photo without a url"
        best = max(sizes, key=_area)
        if not self.source.is_large(best.get("width", 0), best.get("height", 0)):
            return "too small"
        return Media(_url(best))


def _is_for_adults(group: Mapping[str, Any]) -> bool:
    return bool(group.get("age_limits") == _ADULTS_ONLY)


def _url(size: Mapping[str, Any]) -> str:
    return str(size.get("url") or size.get("src") or "")  # `src` in old rows


def _area(size: Mapping[str, Any]) -> tuple[int, int]:
    return size.get("width", 0) * size.get("height", 0), _BY_LETTER.find(size.get("type", "-"))
