"""Communities that live on this machine: a VK-like API and its media over real HTTP.

Nothing here is random: what a url answers follows from the url, and where a trouble passes
("once"), from how often it was asked. Urls are written as http://demo.invalid/... everywhere.
"""

import io
import json
import re
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from PIL import Image

from memegan.demo.memes import anything, blobface
from memegan.demo.world import draw, scene

HOST = "demo.invalid"
SERVED_PX = 128
CARTOONS_FROM = 100_000  # cartoon scenes are other scenes than the photos': nothing is paired
VIDEOS = Path(__file__).parent / "videos"
_MEDIA = re.compile(r"/media/(\w+)/(\d+)(?:-(\w+))?\.(\w+)")


@dataclass(frozen=True)
class Community:
    """Who posts what, and which trouble is met how often."""

    posts: int
    extension: str
    picture: Callable[[int], Image.Image]
    every: Mapping[int, str]  # post number modulo 50 -> trouble of its first picture


def _photo(number: int) -> Image.Image:
    return draw(scene(number), "photo", SERVED_PX)


def _cartoon(number: int) -> Image.Image:
    return draw(scene(CARTOONS_FROM + number), "cartoon", SERVED_PX)


COMMUNITIES: Mapping[str, Community] = {
    "holiday_photos": Community(
        500, "jpg", _photo, {7: "gone", 19: "rotated", 23: "moved", 31: "busy", 41: "truncated"}
    ),
    "saturday_cartoons": Community(
        500, "png", _cartoon, {5: "gone", 13: "again", 29: "unavailable", 37: "palette"}
    ),
    "blobface_memes": Community(
        500, "png", lambda n: blobface(n, SERVED_PX), {11: "page", 17: "again", 43: "smaller"}
    ),
    "everything_memes": Community(
        200,
        "jpg",
        lambda n: anything(n, SERVED_PX),
        {
            **{1: "gone", 3: "removed_410", 5: "busy", 7: "unavailable", 9: "moved"},
            **{11: "to_private", 13: "to_file", 15: "loop", 17: "again", 19: "smaller"},
            **{21: "recompressed", 23: "truncated", 25: "cut_silently", 27: "page", 29: "empty"},
            **{31: "placeholder", 33: "rotated", 35: "cmyk", 37: "palette", 39: "sixteen_bit"},
            **{41: "animated", 43: "bomb", 45: "misnamed", 47: "cropped", 49: "svg"},
        },
    ),
    "demo_tv": Community(3, "webm", _cartoon, {}),
}


def counterpart(url: str, size_px: int = SERVED_PX) -> Image.Image | None:
    """Return the hidden cartoon of a served photo's scene, or None for any other url."""
    found = _MEDIA.fullmatch(urlsplit(url).path)
    if urlsplit(url).netloc != HOST or not found or found[1] != "holiday_photos":
        return None
    return draw(scene(int(found[2])), "cartoon", size_px)


@contextmanager
def demo_community() -> Iterator[dict[str, str]]:
    """Serve on a free port of 127.0.0.1; give where `demo.invalid` answers."""
    with _Server(("127.0.0.1", 0), _Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield {HOST: f"127.0.0.1:{server.server_port}"}
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # as the base class takes them
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()

    def times(self, path: str) -> int:
        """Count this request; return how often the path was asked, from 1."""
        with self.lock:
            self.asked[path] += 1
            return self.asked[path]


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/method/wall.get":
            self._api({k: v[-1] for k, v in parse_qs(parts.query).items()})
        elif parts.path == "/robots.txt":
            self._send(200, b"User-agent: *\nDisallow: /private/\n", "text/plain")
        elif found := _MEDIA.fullmatch(parts.path):
            self._media(found[1], int(found[2]), found[3] or "", found[4])
        else:
            self._send(404, b"no such page", "text/plain")

    def _api(self, query: Mapping[str, str]) -> None:
        name, offset = query.get("domain", ""), int(query.get("offset", 0))
        count = min(int(query.get("count", 20)), 100)
        if name not in COMMUNITIES:
            self._json({"error": {"error_code": 100, "error_msg": f"no community {name}"}})
        elif offset == 100 and self.server.times(self.path) == 1:
            self._json({"error": {"error_code": 6, "error_msg": "Too many requests per second"}})
        else:
            total = COMMUNITIES[name].posts
            items = [_post(name, n) for n in range(offset, min(offset + count, total))]
            self._json({"response": {"count": total, "items": items}})

    def _media(self, name: str, number: int, trouble: str, extension: str) -> None:
        if name not in COMMUNITIES or number >= COMMUNITIES[name].posts:
            return self._send(404, b"no such file", "text/plain")
        if extension == "webm":
            data = (VIDEOS / f"{number}.webm").read_bytes()
            return self._send(
                200, data[: len(data) * 2 // 3 if trouble == "cut" else None], "video/webm"
            )
        kind = "image/jpeg" if extension == "jpg" else f"image/{extension}"
        good, again = _encoded(name, number, extension), self.server.times(self.path) > 1
        match trouble:
            case "gone":
                self._send(404, b"gone", "text/plain")
            case "removed_410":
                self._send(410, b"removed", "text/plain")
            case "busy" if not again:
                self._send(429, b"slow down", "text/plain", {"Retry-After": "1"})
            case "unavailable" if not again:
                self._send(503, b"later", "text/plain", {"Retry-After": "0"})
            case "moved":
                self._redirect(f"http://{HOST}/media/{name}/{number}.{extension}")
            case "to_private":
                self._redirect("http://10.0.0.1/secret.png")
            case "to_file":
                self._redirect("file:///etc/hostname")
            case "loop":
                self._redirect(f"http://{HOST}{self.path}")
            case "page":
                self._send(200, b"<!doctype html><title>log in</title>", kind)
            case "svg":
                self._send(200, b'<svg xmlns="http://www.w3.org/2000/svg"/>', kind)
            case "truncated":
                self._send(200, good[: len(good) // 2], kind, length=len(good))
            case "cut_silently":
                self._send(200, good[: len(good) // 2], kind, length=None)
            case "empty":
                self._send(200, b"", kind)
            case "bomb":
                self._send(200, _bomb(), "image/png")
            case _:
                self._send(200, _variation(trouble, name, number, good), kind)

    def _redirect(self, target: str) -> None:
        self._send(302, b"", "text/plain", {"Location": target})

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), "application/json")

    def _send(
        self,
        status: int,
        body: bytes,
        kind: str,
        headers: Mapping[str, str] | None = None,
        length: int | None = -1,
    ) -> None:
        """Answer; `length` None leaves Content-Length out, a number lies about it."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length < 0 else length))
        self.close_connection = length is None or length > len(body)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _post(name: str, number: int) -> dict[str, object]:
    """Describe a post as VK does: sizes of a photo, galleries, reposts, adult marks."""
    about = COMMUNITIES[name]
    trouble = about.every.get(number % 50, "")
    pictures = [(number, trouble)]
    if number % 10 == 4 and name != "demo_tv" and number + 1 < about.posts:
        pictures.append((number + 1, ""))  # a gallery shows its neighbour's picture too
    media = [_attachment(name, n, t, about.extension) for n, t in pictures]
    post: dict[str, object] = {
        "id": number + 1,
        "date": 1_700_000_000 + 3600 * number,
        "text": f"{name.replace('_', ' ')} {number}",
        "marked_as_adult": name == "everything_memes" and number % 61 == 60,
        "attachments": media,
    }
    if number % 25 == 24 and name != "demo_tv":  # a repost: the media are in the copied post
        post |= {"attachments": [], "copy_history": [{"id": 1, "attachments": media}]}
    return post


def _attachment(name: str, number: int, trouble: str, extension: str) -> dict[str, object]:
    base = f"http://{HOST}/media/{name}/{number}"
    if extension == "webm":
        return {"type": "video", "video": {"files": {"src": f"{base}.webm"}}}
    large = f"{base}-{trouble}.{extension}" if trouble else f"{base}.{extension}"
    sizes = [
        {"type": "s", "url": f"{base}-thumb.{extension}", "width": 75, "height": 75},
        {"type": "x", "url": large, "width": SERVED_PX, "height": SERVED_PX},
    ]
    return {"type": "photo", "photo": {"id": number, "sizes": sizes}}


@lru_cache(maxsize=256)
def _encoded(name: str, number: int, extension: str) -> bytes:
    return _bytes(COMMUNITIES[name].picture(number), "JPEG" if extension == "jpg" else "PNG")


def _bytes(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    if kind == "JPEG":
        options = {"quality": 92, "subsampling": 0} | options
    image.save(file, kind, **options)
    return file.getvalue()


def _variation(trouble: str, name: str, number: int, good: bytes) -> bytes:
    """Answer with a sound file that is odd, or that repeats another picture."""
    about = COMMUNITIES[name]
    image, other = about.picture(number), about.picture(max(0, number - 1))
    match trouble:
        case "again":  # the same bytes under another url
            return _encoded(name, max(0, number - 1), about.extension)
        case "smaller":
            return _bytes(other.resize((96, 96), Image.Resampling.LANCZOS), "PNG")
        case "recompressed":
            return _bytes(other, "JPEG", quality=60)
        case "cropped":
            return _bytes(other.crop((4, 4, 124, 124)), "PNG")
        case "thumb":
            return _bytes(image.resize((75, 75), Image.Resampling.LANCZOS), "JPEG")
        case "placeholder":
            return _bytes(Image.new("RGB", (161, 81), (222, 222, 222)), "PNG")
        case "rotated":
            exif = Image.Exif()
            exif[0x0112] = 6  # turned: the viewer has to rotate it by 90 degrees
            return _bytes(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
        case "cmyk":
            return _bytes(image.convert("CMYK"), "JPEG")
        case "palette":
            faded = image.convert("P", palette=Image.Palette.ADAPTIVE)
            return _bytes(faded, "PNG", transparency=0)
        case "sixteen_bit":
            gray = image.convert("L").point(lambda v: v * 257, "I")
            return _bytes(gray.convert("I;16"), "PNG")
        case "animated":
            return _bytes(image, "GIF", save_all=True, append_images=[other], duration=100)
        case "misnamed":
            return _bytes(image, "WEBP")
    return good


def _bomb() -> bytes:
    """A PNG of a few kilobytes that declares 30,000 by 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
