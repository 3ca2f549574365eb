"""One download: redirects followed by hand, every size and time bounded, the body believed last."""

import hashlib
import time
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import numpy as np
from pydantic import Field
from urllib3 import HTTPHeaderDict

from memegan.fetching.reasons import PLACEHOLDERS, Refused
from memegan.fetching.session import SafeSession
from memegan.media import BadMedia, rgb, sniff
from memegan.params import Section
from memegan.sources.base import Media, Request

_SHORT = 65_536
_SMALL_BYTES, _SMALL_PX = 16_384, 65_536  # of PLACEHOLDERS
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


@dataclass(frozen=True)
class Body:
    """What a url gave."""

    data: bytes
    final_url: str
    etag: str = ""
    last_modified: str = ""
    is_unchanged: bool = False  # 304: what we have is what there is


class Gate(Protocol):
    """Who is asked about each hop of a download; raises Refused to forbid it."""

    def asking(self, session: SafeSession, url: str) -> None:
        """A url is about to be asked for."""

    def answered(self, headers: HTTPHeaderDict) -> None:
        """These headers came."""


def download(
    session: SafeSession, request: Request, limits: Limits, gate: Gate | None = None
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
            gate.asking(session, url)
        same = (parts.scheme, parts.netloc) == (first.scheme, first.netloc)
        headers = {**_login(parts), **request.headers} if same else {}  # a token stays at home
        answer = _Answer(limits, gate)
        try:
            session.get(url, headers, answer, limits.stall_s, ends - time.monotonic())
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


def check_media(media: Media, data: bytes, placeholders: Collection[str] = ()) -> str:
    """Return the type of a body after decoding it to its end.

    Args:
        placeholders: further ones than PLACEHOLDERS: md5 of their files.

    Raises:
        Refused: checksum, empty, not_media, truncated, too_many_pixels or placeholder.
    """
    if not has_checksums(media, data):
        raise Refused("checksum", "not the file that the source means")
    kind = sniff(data)
    if kind.startswith("video/"):
        return kind
    try:
        # a JPEG at an eighth: every bit is read, few pixels are made
        pixels = rgb(data, at_least_px=1)
    except BadMedia as error:
        raise Refused(error.reason, str(error)) from None
    if is_placeholder(data, pixels, placeholders):
        raise Refused("placeholder")
    return kind


def has_checksums(media: Media, data: bytes) -> bool:
    """Tell whether a body is the one that the source's md5 or sha256 means; True without them."""
    given = (("md5", media.md5), ("sha256", media.sha256))
    return all(
        hashlib.new(name, data, usedforsecurity=False).hexdigest() == wanted.lower()
        for name, wanted in given
        if wanted
    )


def is_placeholder(data: bytes, pixels: np.ndarray, further: Collection[str] = ()) -> bool:
    """Tell whether a picture is one of PLACEHOLDERS, which are small, or its md5 of `further`."""
    if further or len(data) <= _SMALL_BYTES:
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if md5 in PLACEHOLDERS or md5 in further:
            return True
    if pixels.shape[0] * pixels.shape[1] > _SMALL_PX:
        return False
    shaped = b"%dx%d" % pixels.shape[:2] + pixels.tobytes()
    return hashlib.sha256(shaped).hexdigest() in PLACEHOLDERS


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
