"""Small pictures for tests: drawn from numbers, encoded as asked."""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from PIL import Image


def drawn(seed: int, width: int = 160, height: int = 120) -> np.ndarray:
    """A smooth picture with shapes on it, (H, W, 3) uint8; another for each seed."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (4, 5, 3), np.uint8)
    pixels = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(6):
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        cv2.circle(pixels, centre, int(rng.integers(height // 12, height // 4)), colour, -1)
    return np.asarray(pixels)


def captioned(pixels: np.ndarray, text: str) -> np.ndarray:
    """The picture with a line of white text with a dark edge at its foot."""
    out, size = pixels.copy(), pixels.shape[1] / 320
    place, font = (round(10 * size), pixels.shape[0] - round(12 * size)), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(out, text, place, font, size, (0, 0, 0), 6)
    cv2.putText(out, text, place, font, size, (255, 255, 255), 3)
    return np.asarray(out)


def encoded(pixels: np.ndarray | Image.Image, kind: str = "PNG", **options: Any) -> bytes:  # noqa: ANN401
    """A file's bytes; `options` are Pillow's."""
    image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else pixels
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds next to nothing."""
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", ihdr), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


WORDS = ("File", "Edit", "View", "Image", "Layer", "Tools", "Help")


def window(picture: np.ndarray, width: int = 800, height: int = 600) -> np.ndarray:
    """Draw an editor that shows a picture: title, menu, tools, a palette at the left, a status."""
    screen = np.full((height, width, 3), 120, np.uint8)
    foot = height - 22
    for top, bottom, level in ((0, 22, 70), (22, 44, 235), (44, 76, 215), (foot, height, 235)):
        screen[top:bottom] = level
    screen[76:foot, :40] = 200
    for n, word in enumerate(WORDS):
        place, font = (8 + 55 * n, 38), cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(screen, word, place, font, 0.4, (20, 20, 20), 1)
        cv2.putText(screen, word, (8 + 90 * n, height - 7), font, 0.4, (20, 20, 20), 1)
        cv2.rectangle(screen, (10 + 32 * n, 50), (28 + 32 * n, 68), (60, 40 * n, 180), 2)
        cv2.circle(screen, (20, 100 + 36 * n), 10, (180, 60, 30 * n), 2)
    high, wide = picture.shape[:2]
    screen[120 : 120 + high, 200 : 200 + wide] = picture
    return screen
