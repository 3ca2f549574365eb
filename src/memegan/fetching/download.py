"""One download: redirects followed by hand, every size and time bounded, the body believed last."""

import time
from base64 import b64encode
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from pydantic import Field
from urllib3 import HTTPHeaderDict

from memegan.fetching.coming import Body
from memegan.fetching.reasons import Refused
from memegan.fetching.transfers import Transfers
from memegan.params import Section
from memegan.sources.base import Request

_SHORT = 65_536
_REDIRECTS = (301, 302, 303, 307, 308)


class Limits(Section):
    """What one download may cost."""

    max_mb: float = Field(default=50, gt=0, description="body, after decompression")
    max_s: float = Field(default=60, gt=0, description="whole download, redirects and headers too")
    stall_s: float = Field(default=10, gt=0, description="longest silence")
    min_kb_s: float = Field(default=2, ge=0, description="least rate, after `stall_s`")
    max_redirects: int = Field(
        default=5, ge=0, description="of a url; each is checked as the first"
    )


class Gate(Protocol):
    """Who is asked about each hop of a download; raises Refused to forbid it."""

    async def asking(self, transfers: Transfers, url: str) -> None:
        """A url is about to be asked for."""

    def answered(self, headers: HTTPHeaderDict) -> None:
        """These headers came."""


async def download(
    transfers: Transfers, request: Request, limits: Limits, gate: Gate | None = None
) -> Body:
    """Return the body behind a request.

    Raises:
        Refused: with the reason; `retry_after_s` where the server names a time.
    """
    url, first = request.url, _parts(request.url)
    ends = time.monotonic() + limits.max_s
    for _ in range(limits.max_redirects + 1):
        parts = _parts(url)
        if gate is not None:
            await gate.asking(transfers, url)
        same = (parts.scheme, parts.netloc) == (first.scheme, first.netloc)
        headers = {**_login(parts), **request.headers} if same else {}  # a token stays at home
        answer = _Answer(limits, gate)
        try:
            await transfers.get(url, headers, answer, limits.stall_s, ends - time.monotonic())
        except Refused:
            if answer.status in (0, 200):  # of other answers, the status is enough
                raise
        if answer.location:
            url = _joined(url, answer.location)
            continue
        etag, date = (answer.headers.get(name, "") for name in ("ETag", "Last-Modified"))
        if answer.status == 304 and is_conditional(request):
            return Body(b"", url, etag, date, is_unchanged=True)
        _check_status(answer.status, answer.headers)
        return Body(bytes(answer.data), url, etag, date)
    raise Refused("refused", f"more than {limits.max_redirects} redirects")


class _Answer:
    """What came of one hop; a body is taken as it comes, so that none outgrows its limits."""

    def __init__(self, limits: Limits, gate: Gate | None) -> None:
        self.limits, self.gate = limits, gate
        self.status, self.headers, self.data = 0, HTTPHeaderDict(), bytearray()

    @property
    def location(self) -> str:
        """Where a redirect leads, "" for another answer."""
        return self.headers.get("Location", "") if self.status in _REDIRECTS else ""

    def head(self, status: int, headers: HTTPHeaderDict) -> None:
        self.status, self.headers, self.started = status, headers, time.monotonic()
        if status == 200 and self.gate is not None:
            self.gate.answered(headers)

    def body(self, chunk: bytes) -> None:
        self.data += chunk
        size, took = len(self.data), time.monotonic() - self.started
        # a short page of another status is read to its end, which keeps the connection
        if size > (self.limits.max_mb * 1e6 if self.status == 200 else _SHORT):
            raise Refused("too_large", f"over {self.limits.max_mb:g} MB")
        if took > self.limits.stall_s and size < took * self.limits.min_kb_s * 1e3:
            raise Refused("too_slow", f"{size} bytes in {took:.0f} s")


def conditions(etag: str, last_modified: str) -> dict[str, str]:
    """Return the headers that ask for a body only if it has changed since."""
    given = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in given.items() if value}


def is_conditional(request: Request) -> bool:
    """Tell whether a request may be answered with 304."""
    return not conditions("1", "1").keys().isdisjoint(request.headers)


def _login(parts: SplitResult) -> dict[str, str]:
    """Return the header of a user and password that are part of a url."""
    user, found, _ = parts.netloc.rpartition("@")
    return {"Authorization": f"Basic {b64encode(unquote(user).encode()).decode()}"} if found else {}


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise Refused("blocked_address", location[:40]) from None


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:  # a port of letters, an open bracket
        pass
    raise Refused("blocked_address", url[:40])


def _check_status(status: int, headers: HTTPHeaderDict) -> None:
    if status == 200:
        return
    reason = {404: "gone", 410: "gone", 429: "rate_limited"}.get(status, "refused")
    after_s = _retry_after_s(headers)
    raise Refused("server_error" if status >= 500 else reason, f"status {status}", after_s)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After: seconds, or a moment, which only the server's own clock can place."""
    named = headers.get("Retry-After", "")
    if named.isdecimal():
        return float(named)
    try:
        moments = [parsedate_to_datetime(text) for text in (named, headers.get("Date", ""))]
        return max(0.0, (moments[0] - moments[1]).total_seconds())
    except (ValueError, TypeError):  # not said, no date, or one with and one without a zone
        return None
