"""One download: redirects followed by hand, every size and time bounded, the body believed last."""

import hashlib
import math
import time
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import numpy as np
from pydantic import Field
from urllib3 import BaseHTTPResponse, HTTPHeaderDict
from urllib3.exceptions import HTTPError, LocationValueError, NewConnectionError
from urllib3.exceptions import TimeoutError as SilentError

from memegan.fetching.reasons import PLACEHOLDERS, Refused
from memegan.fetching.safety import SafeSession
from memegan.media import BadMedia, rgb, sniff
from memegan.params import Section
from memegan.sources.base import Media, Request

_CHUNK = 65_536


class Limits(Section):
    """What one download may cost."""

    max_mb: float = Field(default=50, gt=0, description="body, after decompression")
    max_s: float = Field(default=60, gt=0, description="whole download, redirects and headers too")
    stall_s: float = Field(default=10, gt=0, description="longest silence")
    min_kb_s: float = Field(default=2, ge=0, description="least rate, after `stall_s`")
    max_redirects: int = Field(default=5, ge=0)


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

    `session.ends` is set meanwhile: who watches it hangs up then, so that headers or a TLS
    handshake that drip byte by byte end too.

    Raises:
        Refused: with the reason; `retry_after_s` where the server names a time.
    """
    try:
        return _follow(session, request, limits, gate)
    except LocationValueError as error:
        raise Refused("blocked_address", type(error).__name__) from None
    except (HTTPError, OSError) as error:
        raise _refused(session, error, limits) from None
    finally:
        session.ends = math.inf


def _refused(session: SafeSession, error: Exception, limits: Limits) -> Refused:
    """Say what a broken download means."""
    if session.is_hung_up:
        return Refused("too_slow", f"not done in {limits.max_s:g} s")
    if isinstance(error, SilentError | TimeoutError) and not isinstance(error, NewConnectionError):
        return Refused("too_slow", f"silent for {limits.stall_s:g} s")
    is_cut = "IncompleteRead" in repr(error)  # urllib3 wraps the one of http.client
    return Refused("truncated" if is_cut else "no_answer", type(error).__name__)


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
    if digests(data, pixels) & PLACEHOLDERS.union(placeholders):
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


def digests(data: bytes, pixels: np.ndarray) -> frozenset[str]:
    """Return what PLACEHOLDERS knows a picture by; none for more than 65,536 pixels."""
    if pixels.shape[0] * pixels.shape[1] > 65_536:
        return frozenset()
    shaped = b"%dx%d" % pixels.shape[:2] + pixels.tobytes()
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return frozenset({md5, hashlib.sha256(shaped).hexdigest()})


def _follow(session: SafeSession, request: Request, limits: Limits, gate: Gate | None) -> Body:
    url, first = request.url, _parts(request.url)
    ends = time.monotonic() + limits.max_s
    for _ in range(limits.max_redirects + 1):
        parts = _parts(url)
        if gate is not None:
            gate.asking(session, url)
        session.is_hung_up, session.ends = False, ends
        same = (parts.scheme, parts.netloc) == (first.scheme, first.netloc)
        headers = {**_login(parts), **request.headers} if same else {}  # a token stays at home
        with session.get(url, headers, limits.stall_s) as answer:
            if answer.status != 200:
                answer.read(_CHUNK)  # a short page read to its end keeps the connection
            if target := answer.get_redirect_location():
                url = _joined(url, target)
                continue
            etag, date = (answer.headers.get(name, "") for name in ("ETag", "Last-Modified"))
            if answer.status == 304 and is_conditional(request):
                return Body(b"", url, etag, date, is_unchanged=True)
            _check_status(answer)
            if gate is not None:
                gate.answered(answer.headers)
            return Body(_read(session, answer, limits), url, etag, date)
    raise Refused("refused", f"more than {limits.max_redirects} redirects")


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


def _check_status(answer: BaseHTTPResponse) -> None:
    status = answer.status
    if status == 200:
        return
    reason = {404: "gone", 410: "gone", 429: "rate_limited"}.get(status, "refused")
    after_s = _retry_after_s(answer.headers)
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


def _read(session: SafeSession, answer: BaseHTTPResponse, limits: Limits) -> bytes:
    """Read what arrives as it arrives, so that a slow drip meets the clock, not the buffer."""
    started, body = time.monotonic(), bytearray()
    while chunk := answer.read1(_CHUNK, decode_content=True):
        body += chunk
        took = time.monotonic() - started
        if len(body) > limits.max_mb * 1e6:
            raise Refused("too_large", f"over {limits.max_mb:g} MB")
        if took > limits.stall_s and len(body) < took * limits.min_kb_s * 1e3:
            raise Refused("too_slow", f"{len(body)} bytes in {took:.0f} s")
        if session.is_hung_up:
            break
    if session.is_hung_up:
        raise Refused("too_slow", f"not done in {limits.max_s:g} s")
    declared = answer.headers.get("Content-Length", "")
    is_encoded = "Content-Encoding" in answer.headers
    if declared.isdecimal() and len(body) < int(declared) and not is_encoded:
        raise Refused("truncated", f"{len(body)} of {declared} bytes")
    return bytes(body)
