"""A web host on loopback with JPEG memes of mean 80 kB and a known share of troubles.

One asyncio process that costs next to nothing, so that what is measured is the client. A path is
/TRIAL/NUMBER.jpg: what a number means is the same in each trial, 429s are given once a trial.
"""

import asyncio
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SHARES = {  # trouble: share of all urls, as the memes of a few years' age have them
    "gone": 0.02,
    "cut": 0.005,  # Content-Length says more than comes
    "cut_silently": 0.005,
    "page": 0.01,  # HTML, half of it called image/jpeg
    "moved": 0.01,
    "slow": 0.005,  # 2 s in the middle of the body
    "busy": 0.005,  # 429 once, with Retry-After: 1
}
SLOW_S = 2.0
PICTURES = 48  # different ones; a comment in the JPEG makes the bytes of each url unique
_PAGE = b"<!doctype html><title>Sorry</title><p>This picture is no longer here.</p>"


def troubles(count: int) -> list[str]:
    """Return the trouble of each url, "" for most; always the same ones."""
    named = [name for name, share in SHARES.items() for _ in range(round(share * count))]
    found = named + [""] * (count - len(named))
    Random(0).shuffle(found)
    return found


@lru_cache(maxsize=PICTURES)
def picture(number: int) -> bytes:
    """Draw a meme, 480 to 800 px wide, of 45 to 115 kB: a photo-like field between two captions."""
    rng = np.random.default_rng(number)
    width, height = (int(side) for side in rng.integers((480, 420), (800, 700)))
    coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)
    grain = Image.fromarray(rng.normal(128, 40, (height, width)).clip(0, 255).astype(np.uint8))
    grain = grain.filter(ImageFilter.GaussianBlur(0.7))
    noisy = smooth + (np.asarray(grain, dtype=np.float32)[..., None] - 128) * 0.8
    image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(height // 11)
    for y in (10, height - height // 6):
        caption = f"WHEN THE {rng.integers(1000)} IS {rng.integers(1000)}"
        draw.text((20, y), caption, "white", font, stroke_width=3, stroke_fill="black")
    wanted, low, high = rng.uniform(45_000, 115_000), 20, 96
    while low < high:  # the best quality within the wanted size
        quality = (low + high + 1) // 2
        low, high = (quality, high) if len(_jpeg(image, quality)) <= wanted else (low, quality - 1)
    return _jpeg(image, low)


def body(number: int) -> bytes:
    """Return the bytes of a url's picture: nobody else's."""
    note = b"%012d" % number
    data = picture(number % PICTURES)
    return data[:2] + b"\xff\xfe" + (len(note) + 2).to_bytes(2) + note + data[2:]


@contextmanager
def hosting(count: int) -> Iterator[int]:
    """Serve `count` urls from a process of its own; give the port. /asked lists what was asked."""
    words = [sys.executable, "-m", "benchmarks._meme_host", str(count)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=root, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


class _Line(asyncio.Protocol):
    """One connection: requests come one after another, each is answered whole."""

    def __init__(self, kinds: list[str], asked: Counter[str]) -> None:
        self.kinds, self.asked, self.head = kinds, asked, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.line = transport

    def data_received(self, data: bytes) -> None:
        self.head += data
        if self.head.endswith(b"\r\n\r\n"):
            head, self.head = self.head, b""
            self._answer(head.split(b" ", 2)[1].decode(), b"connection: close" in head.lower())

    def _answer(self, path: str, closes: bool) -> None:
        if path == "/asked":
            return self._send(closes, json.dumps(self.asked).encode(), kind="application/json")
        self.asked[path] += 1
        name = path.rpartition("/")[2].removesuffix(".jpg")
        if not name.isdecimal() or int(name) >= len(self.kinds):
            return self._send(closes, b"no such page", 404, "text/plain")
        number = int(name)
        match self.kinds[number]:
            case "gone":
                self._send(closes, b"gone", 404, "text/plain")
            case "page":
                self._send(closes, _PAGE, kind=("text/html", "image/jpeg")[number % 2])
            case "moved" if not path.startswith("/to/"):
                self._send(closes, b"", 302, headers=f"Location: /to{path}\r\n")
            case "busy" if self.asked[path] == 1:
                self._send(closes, b"slow down", 429, headers="Retry-After: 1\r\n")
            case "cut":
                whole = body(number)
                self._send(True, whole[: len(whole) // 2], length=len(whole))
            case "cut_silently":
                whole = body(number)
                self._send(True, whole[: len(whole) // 2], length=None)
            case "slow":
                whole = body(number)
                self._send(False, whole[:2000], length=len(whole))
                loop = asyncio.get_running_loop()
                loop.call_later(SLOW_S, self._rest, whole[2000:], closes)
            case _:
                self._send(closes, body(number), headers=f'ETag: "{number}"\r\n')

    def _rest(self, data: bytes, closes: bool) -> None:
        self.line.write(data)
        if closes:
            self.line.close()

    def _send(
        self,
        closes: bool,
        data: bytes,
        status: int = 200,
        kind: str = "image/jpeg",
        headers: str = "",
        length: int | None = -1,
    ) -> None:
        said = "" if length is None else f"Content-Length: {len(data) if length < 0 else length}"
        lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", said]
        lines += ["Connection: close"] if closes else []
        head = "\r\n".join(filter(None, lines)) + "\r\n" + headers + "\r\n"
        self.line.write(head.encode() + data)
        if closes:
            self.line.close()


def _jpeg(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


async def _serve(count: int, asked: Counter[str]) -> None:
    kinds = troubles(count)
    for number in range(PICTURES):
        picture(number)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Line(kinds, asked), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Counter()))
