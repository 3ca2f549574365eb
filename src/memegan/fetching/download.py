"""One download: redirects followed by hand, every size and time bounded, the body believed last."""

import hashlib
import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

import numpy as np
import requests
from pydantic import Field
from urllib3.exceptions import HTTPError, ReadTimeoutError

from memegan.fetching.reasons import PLACEHOLDERS, Refused
from memegan.fetching.safety import SafeSession
from memegan.media import BadMedia, rgb, sniff
from memegan.params import Section
from memegan.sources.base import Media, Request

_CHUNK = 65_536
_BAD_URL = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
)


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

    def answered(self, headers: Mapping[str, list[str]]) -> None:
        """These headers came, by lower-case name."""


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
    except (requests.Timeout, ReadTimeoutError, TimeoutError):
        raise Refused("too_slow", f"silent for {limits.stall_s:g} s") from None
    except _BAD_URL as error:
        raise Refused("blocked_address", type(error).__name__) from None
    except (requests.RequestException, HTTPError, OSError) as error:
        if session.is_hung_up:
            raise Refused("too_slow", f"not done in {limits.max_s:g} s") from None
        broken = "IncompleteRead" in repr(error)
        raise Refused("truncated" if broken else "no_answer", type(error).__name__) from None
    finally:
        session.ends = math.inf


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
        with session.get(
            url,
            headers=request.headers if same else {},  # a token stays at home
            timeout=limits.stall_s,
            stream=True,
            allow_redirects=False,
        ) as answer:
            if answer.status_code != 200:
                answer.raw.read(_CHUNK)  # a short page read to its end keeps the connection
            if answer.is_redirect:
                url = _joined(url, answer.headers["Location"])
                continue
            etag, date = (answer.headers.get(name, "") for name in ("ETag", "Last-Modified"))
            if answer.status_code == 304 and is_conditional(request):
                return Body(b"", url, etag, date, is_unchanged=True)
            _check_status(answer)
            if gate is not None:
                names = {name.lower() for name in answer.raw.headers}
                gate.answered({name: answer.raw.headers.getlist(name) for name in names})
            return Body(_read(session, answer, limits), url, etag, date)
    raise Refused("refused", f"more than {limits.max_redirects} redirects")


def conditions(etag: str, last_modified: str) -> dict[str, str]:
    """Return the headers that ask for a body only if it has changed since."""
    given = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in given.items() if value}


def is_conditional(request: Request) -> bool:
    """Tell whether a request may be answered with 304."""
    return not conditions("1", "1").keys().isdisjoint(request.headers)


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


def _check_status(answer: requests.Response) -> None:
    status = answer.status_code
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


def _read(session: SafeSession, answer: requests.Response, limits: Limits) -> bytes:
    """Read what arrives as it arrives, so that a slow drip meets the clock, not the buffer."""
    started, body = time.monotonic(), bytearray()
    while chunk := answer.raw.read1(_CHUNK, decode_content=True):
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
