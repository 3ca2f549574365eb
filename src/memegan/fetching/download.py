"""One download: redirects followed by hand, every size and time bounded, the body believed last."""

import hashlib
import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
from pydantic import Field
from urllib3.exceptions import HTTPError

from memegan.errors import MemeganError
from memegan.fetching.reasons import Refused
from memegan.media import BadMedia, rgb, sniff
from memegan.params import Section
from memegan.sources.base import Media, Request

_CHUNK = 65_536
_HONEST = {"User-Agent": "memegan (dataset builder)", "Accept-Encoding": "identity"}


class Limits(Section):
    """What one download may cost."""

    max_mb: float = Field(default=50, gt=0, description="body, after decompression")
    max_s: float = Field(default=60, gt=0, description="whole download")
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

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def download(session: requests.Session, request: Request, limits: Limits) -> Body:
    """Return the body behind a request.

    Raises:
        Refused: with the reason; `retry_after_s` where the server names a time.
    """
    url, ends = request.url, time.monotonic() + limits.max_s
    for _ in range(limits.max_redirects + 1):
        if urlsplit(url).scheme not in ("http", "https"):
            raise Refused("bad_scheme", urlsplit(url).scheme)
        try:
            with session.get(
                url,
                headers={**_HONEST, **request.headers},
                timeout=limits.stall_s,
                stream=True,
                allow_redirects=False,
            ) as answer:
                if answer.is_redirect:
                    url = urljoin(url, answer.headers["Location"])
                    continue
                _check_status(answer)
                data = _read(answer, limits, ends)
                tags = [answer.headers.get(name, "") for name in ("ETag", "Last-Modified")]
                return Body(data, url, *tags)
        except (requests.Timeout, TimeoutError):
            raise Refused("too_slow", f"silent for {limits.stall_s:g} s") from None
        except (requests.RequestException, HTTPError, OSError) as error:
            raise _meaning(error) from None
    raise Refused("redirect_loop", f"more than {limits.max_redirects}")


def check_media(media: Media, data: bytes) -> str:
    """Return the type of a body after decoding it to its end.

    Raises:
        Refused: empty, not_media, truncated, too_many_pixels or checksum.
    """
    given = (("md5", media.md5), ("sha256", media.sha256))
    for name, wanted in given:
        if wanted and hashlib.new(name, data, usedforsecurity=False).hexdigest() != wanted.lower():
            raise Refused("checksum", f"{name} is not {wanted}")
    kind = sniff(data)
    if kind.startswith("video/"):
        return kind
    try:
        rgb(data, at_least_px=1)  # a JPEG at an eighth: every bit is read, few pixels are made
    except BadMedia as error:
        raise Refused(error.reason, str(error)) from None
    return kind


def _check_status(answer: requests.Response) -> None:
    status = answer.status_code
    if status == 200:
        return
    named = answer.headers.get("Retry-After", "")
    after = float(named) if named.isdigit() else None
    reason = {404: "gone", 410: "gone", 429: "rate_limited"}.get(status, "refused")
    raise Refused("server_error" if status >= 500 else reason, f"status {status}", after)


def _read(answer: requests.Response, limits: Limits, ends: float) -> bytes:
    """Read what arrives as it arrives, so that a slow drip meets the clock, not the buffer."""
    started, body = time.monotonic(), bytearray()
    while chunk := answer.raw.read1(_CHUNK, decode_content=True):
        body += chunk
        now = time.monotonic()
        if len(body) > limits.max_mb * 1e6:
            raise Refused("too_large", f"over {limits.max_mb:g} MB")
        slow = len(body) < (now - started) * limits.min_kb_s * 1e3
        if now > ends or (slow and now - started > limits.stall_s):
            raise Refused("too_slow", f"{len(body)} bytes in {now - started:.0f} s")
    declared = answer.headers.get("Content-Length", "")
    if (
        declared.isdigit()
        and len(body) < int(declared)
        and answer.raw.headers.get("Content-Encoding") is None
    ):
        raise Refused("truncated", f"{len(body)} of {declared} bytes")
    return bytes(body)


def _meaning(error: BaseException) -> BaseException:
    """Find our own refusal inside what requests and urllib3 wrapped around it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, (Refused, MemeganError)):
            return seen
        seen = seen.__cause__ or seen.__context__
    if "IncompleteRead" in repr(error):
        return Refused("truncated", "the connection closed early")
    return Refused("no_answer", type(error).__name__)
