"""Communities that live on this machine: a VK-like API and its media over real HTTP.

Nothing here is random: what a url answers follows from the url, and where a trouble passes
("once"), from how often it was asked. Urls are written as http://demo.invalid/... everywhere.
"""

import json
import re
import threading
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
from memegan.demo.troubles import encoded, odd_file
from memegan.demo.world import draw, scene
from memegan.errors import SourceError

HOST = "demo.invalid"
SERVED_PX = 128
CARTOONS_FROM = 100_000  # cartoon scenes are other scenes than the photos': nothing is paired
VIDEOS = Path(__file__).parent / "videos"
_WALL_QUERY = {"domain": "", "offset": "0", "count": "20"}  # what is asked for by default
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
            **{
                1: "gone",
                2: "to_loopback",
                3: "removed_410",
                5: "busy",
                7: "unavailable",
                9: "moved",
            },
            **{11: "to_private", 13: "to_file", 15: "loop", 17: "again", 19: "smaller"},
            **{21: "recompressed", 23: "truncated", 25: "cut_silently", 27: "page", 29: "empty"},
            **{31: "placeholder", 33: "rotated", 35: "cmyk", 37: "palette", 39: "sixteen_bit"},
            **{41: "animated", 43: "bomb", 45: "misnamed", 47: "cropped", 49: "svg"},
        },
    ),
    "demo_tv": Community(4, "webm", _cartoon, {3: "cut"}),
}


def counterpart(url: str, size_px: int = SERVED_PX) -> Image.Image | None:
    """Return the hidden cartoon of a served photo's scene, or None for any other url."""
    parts = urlsplit(url)
    found = _MEDIA.fullmatch(parts.path)
    if parts.netloc != HOST or not found or found[1] != "holiday_photos":
        return None
    if int(found[2]) >= COMMUNITIES[found[1]].posts:
        return None
    return draw(scene(int(found[2])), "cartoon", size_px)


@contextmanager
def demo_community(port: int = 0) -> Iterator[dict[str, str]]:
    """Serve on a port of 127.0.0.1 (0: one that is free); give where `demo.invalid` answers.

    Raises:
        SourceError: the port is taken.
    """
    try:
        server = _Server(("127.0.0.1", port), _Answer)
    except OSError as error:
        raise SourceError(
            f"cannot listen: {error}", where=f"127.0.0.1:{port}", fix="choose another port, or 0"
        ) from None
    with server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
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
        name, offset, count = (query.get(k, d) for k, d in _WALL_QUERY.items())
        if name not in COMMUNITIES or not (offset.isdecimal() and count.isdecimal()):
            message = f"no community {name}, or no such page of it"
            return self._json({"error": {"error_code": 100, "error_msg": message}})
        first, last = int(offset), int(offset) + min(int(count), 100)
        if first == 100 and self.server.times(self.path) == 1:
            message = "Too many requests per second"
            return self._json({"error": {"error_code": 6, "error_msg": message}})
        total = COMMUNITIES[name].posts
        items = [_post(name, n) for n in range(first, min(last, total))]
        self._json({"response": {"count": total, "items": items}})

    def _media(self, name: str, number: int, trouble: str, extension: str) -> None:
        if name not in COMMUNITIES or number >= COMMUNITIES[name].posts:
            return self._send(404, b"no such file", "text/plain")
        if extension == "webm":
            data = (VIDEOS / f"{number % 3}.webm").read_bytes()
            end = len(data) * 2 // 3 if trouble == "cut" else len(data)
            return self._send(200, data[:end], "video/webm")
        kind = "image/jpeg" if extension == "jpg" else f"image/{extension}"
        good, is_again = _file(name, number), self.server.times(self.path) > 1
        match trouble:
            case "gone":
                self._send(404, b"gone", "text/plain")
            case "removed_410":
                self._send(410, b"removed", "text/plain")
            case "busy" if not is_again:
                self._send(429, b"slow down", "text/plain", {"Retry-After": "1"})
            case "unavailable" if not is_again:
                self._send(503, b"later", "text/plain", {"Retry-After": "0"})
            case "moved":
                self._redirect(f"http://{HOST}/media/{name}/{number}.{extension}")
            case "to_private":
                self._redirect("http://10.0.0.1/secret.png")
            case "to_loopback":
                self._redirect("http://127.0.0.1/secret.png")
            case "to_file":
                self._redirect("file:///secret.png")
            case "loop":
                self._redirect(f"http://{HOST}{self.path}")
            case "truncated":
                self._send(200, good[: len(good) // 2], kind, length=len(good))
            case "cut_silently":
                self._send(200, good[: len(good) // 2], kind, length=None)
            case "again":  # the bytes of the picture before, under another url
                self._send(200, _file(name, max(0, number - 1)), kind)
            case "" | "busy" | "unavailable":
                self._send(200, good, kind)
            case _:
                picture = COMMUNITIES[name].picture
                odd = odd_file(trouble, picture(number), picture(max(0, number - 1)))
                self._send(200, good if odd is None else odd, kind)

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
    large = f"{base}-{trouble}.{extension}" if trouble else f"{base}.{extension}"
    if extension == "webm":
        return {"type": "video", "video": {"id": number, "files": {"src": large}}}
    sizes = [
        {"type": "s", "url": f"{base}-thumb.{extension}", "width": 75, "height": 75},
        {"type": "x", "url": large, "width": SERVED_PX, "height": SERVED_PX},
    ]
    return {"type": "photo", "photo": {"id": number, "sizes": sizes}}


@lru_cache(maxsize=256)
def _file(name: str, number: int) -> bytes:
    about = COMMUNITIES[name]
    return encoded(about.picture(number), "JPEG" if about.extension == "jpg" else "PNG")
