"""What bytes are: their type by magic numbers, and their pixels, or the reason why there are none.

Nothing from outside is believed: neither names nor headers; sizes are read before pixels are.
"""

import io
import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np
import simplejpeg
from PIL import Image, ImageCms, UnidentifiedImageError

MAX_PIXELS = 64_000_000
MAX_SIDE_PX = 16_384
MAX_FRAMES = 1000  # of an animation that are looked for
warnings.filterwarnings("ignore", module=r"PIL\.")  # odd tags are no news; limits are ours
_BROKEN = (  # what Pillow raises for damaged files, seen when bytes were changed at random
    *(OSError, EOFError, SyntaxError, ValueError, IndexError, OverflowError, struct.error),
    *(TypeError, RuntimeError),  # a TIFF without dimensions; libavif
)
Reason = Literal["empty", "not_media", "truncated", "too_many_pixels"]

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"P6\n", "image/x-portable-pixmap"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypavis", "image/avif"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
)
_ANIMATED = {"image/gif", "image/png", "image/webp", "image/avif"}  # pages of a TIFF are no frames


class BadMedia(Exception):
    """Bytes that are no picture; `reason` is a stable code, the text is for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class Header:
    """What a picture's header says, turned by EXIF."""

    kind: str
    width_px: int
    height_px: int
    frames: int


def sniff(data: bytes) -> str:
    """Return the media type that the first bytes show, or '' for none that we read."""
    for offset, magic, kind in _MAGIC:
        if data[offset : offset + len(magic)] == magic:
            return kind
    return ""


def header(data: bytes) -> Header:
    """Read the header alone.

    Raises:
        BadMedia: empty, not a picture, damaged, or above 64 Mpx or 16,384 px a side.
    """
    with _opened(data) as image:
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
        return Header(sniff(data), width, height, int(getattr(image, "n_frames", 1)))


def rgb(data: bytes, at_least_px: int | None = None, frame: int = 0) -> np.ndarray:
    """Decode to (H, W, 3) uint8 sRGB: turned by EXIF, on white, 8 bits.

    Args:
        at_least_px: where given, a JPEG may be decoded at a smaller scale (by its DCT), never
            below twice this short side: then an area filter gives the full decode's pixels.
        frame: number within an animation, from 0.

    Raises:
        BadMedia: as `header`, or the data ends before the pixels do, or before the frame.
    """
    with _opened(data) as image:
        if sniff(data) == "image/jpeg" and image.mode == "RGB" and "icc_profile" not in image.info:
            return _turned(_jpeg(data, image.size, at_least_px), _orientation(image))
        if frame:
            image.seek(frame)
        image.load()  # before EXIF is asked for: a PNG decodes for it, and its error would be lost
        orientation = _orientation(image)
        return _turned(np.asarray(_flat(image)), orientation)


def count_frames(data: bytes) -> int:
    """Count the frames of an animation that can be reached; 1 for a still picture.

    A frame may need all before it, so those count that have `MAX_PIXELS` together, `MAX_FRAMES` at
    most: an animation costs no more than a large picture, whatever its header says. It ends
    before a frame that is damaged.

    Raises:
        BadMedia: as `header`.
    """
    with _opened(data) as image:
        if sniff(data) not in _ANIMATED:
            return 1
        width, height = image.size
        most, count = min(MAX_FRAMES, MAX_PIXELS // (width * height)), 1
        with suppress(*_BROKEN, Image.DecompressionBombError):
            while count < most:
                image.seek(count)
                count += 1
        return count


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Give the picture, its header read and in limits; whatever breaks inside is BadMedia."""
    if not data:
        raise BadMedia("empty", "no bytes at all")
    if not sniff(data).startswith("image/"):
        raise BadMedia("not_media", f"starts with {data[:12]!r}")
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
                raise BadMedia("too_many_pixels", f"{width}x{height} px")
            yield image
    except Image.DecompressionBombError as error:
        raise BadMedia("too_many_pixels", str(error)) from None
    except UnidentifiedImageError:  # its own text holds an address in memory
        raise BadMedia("truncated", f"the header of {sniff(data)} is damaged") from None
    except _BROKEN as error:
        raise BadMedia("truncated", str(error)) from None


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) where there is none or it is no such number."""
    try:
        number = int(image.getexif().get(0x0112, 1))
        return number if number in range(1, 9) else 1
    except (OSError, SyntaxError, ValueError, TypeError, struct.error):
        return 1  # broken EXIF says nothing; the pixels may still be whole


def _jpeg(data: bytes, size: tuple[int, int], at_least_px: int | None) -> np.ndarray:
    share = min(1.0, 2 * at_least_px / min(size)) if at_least_px else 1.0
    width, height = (math.ceil(side * share) if share < 1 else 0 for side in size)
    try:
        pixels: np.ndarray = simplejpeg.decode_jpeg(
            data, min_width=width, min_height=height, strict=True
        )
    except ValueError as error:
        raise BadMedia("truncated", str(error)) from None
    return pixels


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Apply the EXIF orientation 1..8 (Exif 2.3, tag 274)."""
    if orientation in (2, 4, 5, 7):
        pixels = pixels[:, ::-1]
    turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.ascontiguousarray(np.rot90(pixels, turns))


def _flat(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits: 65535 is white
        values = np.asarray(image.convert("I"), np.float64) / 257
        return Image.fromarray(values.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    profile = image.info.get("icc_profile")
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        with suppress(ImageCms.PyCMSError, OSError):  # a broken profile is worse than none
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            turned = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
            return turned or image.convert("RGB")
    return image.convert("RGB")
