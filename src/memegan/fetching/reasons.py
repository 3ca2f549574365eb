"""Why a url gave no file: stable codes, one table."""

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "duplicate": "kept: the same bytes as those of an earlier row",
    "gone": "the server says that it is not there (404, 410)",
    "refused": "another status that no retry mends, or too many redirects",
    "rate_limited": "still too many requests (429) after all retries",
    "server_error": "the server fails (5xx) after all retries",
    "no_answer": "no address, no connection, or it broke off",
    "too_slow": "over the time limit, silent too long, or below the least rate",
    "too_large": "over the size limit",
    "forbidden": "robots.txt, X-Robots-Tag or a reservation of data mining asks us not to",
    "blocked_address": "no url of http or https, a private or reserved address, a port of no web",
    "empty": "no bytes at all",
    "not_media": "neither a picture nor a video, whatever its name says",
    "truncated": "the file ends before the picture does, or is damaged",
    "too_many_pixels": "over the pixel limits",
    "placeholder": "a known picture that stands for a removed one",
    "checksum": "not the md5 or sha256 that the source gives",
    "unsafe_member": "a link, a device, encrypted, or over the archive's limits",
    "adult": "marked adult by the source, and not allowed",
    "takedown": "asked to be removed (data/takedown.csv)",
    "blocklisted": "on data/blocklist.csv",
}
TRANSIENT = frozenset({"rate_limited", "server_error", "no_answer", "too_slow"})
PLACEHOLDERS = frozenset(
    {
        "d835884373f4d6c8f24742ceabe74946",  # Imgur's "image has been removed": md5 of the file
        "df3ce1102e827c34f331e21cfd42b29bc9ce4f854fefc32531191086cffa2f6c",  # the demo's
    }
)  # md5 of the file, or sha256 of its pixels: the latter survives another compressor


class Refused(Exception):
    """One url or file gives nothing; `reason` is a key of REASONS, the text is for people."""

    def __init__(self, reason: str, detail: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(f"{REASONS[reason]}: {detail}" if detail else REASONS[reason])
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.tries = 1
