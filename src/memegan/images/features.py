"""What dedup knows of a picture: small gray copies to compare, and hashes to find them by."""

from dataclasses import dataclass

import cv2
import numpy as np

THUMB_PX = 128  # a line of text of 7 % of the height is 9 px high: its letters still differ
FINE_PX = 2 * THUMB_PX  # for a second look, at small letters
CHROMA_PX = 32  # the eye sees colours no finer, and JPEG stores them no better
Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels

_ENOUGH = 0.85  # of the pixels of a fine copy
_FLAT = 0.97  # share of a row or column that has the corners' colour where nothing is on it
_GAP = 0.05  # share of the side: a shorter empty stretch, as between two lines, ends nothing
_LEAST = 0.15  # share of the side that what is inside a frame takes at least
_LIKE = 12  # gray levels: beyond what JPEG makes of one colour
_FAINT = 8  # gray levels
_LINE = (56, 8)  # width and height of a line of text around a picture, in pixels of a thumbnail
_CONTRAST = 64.0  # gray levels: how far letters are from what they are written on


@dataclass(frozen=True)
class Small:
    """The small copies of a picture.

    `thumb` is all of it as (128, 128) uint8 gray, `chroma` as (2, 32, 32) uint8 Cr and Cb; `inner`
    and `inner_chroma`, likewise, what lies in a frame of one colour, where there is one;
    `frame_text` is how full of text the frame is, 0..1, and `inner_share` the share of the picture
    that lies in it. `contrast` is how far the levels of a channel spread, a standard deviation,
    0..128.
    """

    thumb: np.ndarray
    chroma: np.ndarray
    inner: np.ndarray | None
    inner_chroma: np.ndarray | None
    frame_text: float
    inner_share: float
    contrast: float


@dataclass(frozen=True)
class Features:
    """Of one picture: what it looks like, and what it is."""

    phash: int  # 64 bits, for data/takedown.csv
    small: Small
    pixels_sha256: str  # of the pixels as they were decoded, a JPEG maybe at a smaller scale
    width_px: int
    height_px: int
    bars: int = 0  # with tools on them, along the sides: editors.bars


def phash(gray: np.ndarray) -> int:
    """Return the 64-bit DCT hash of a gray picture (Zauner 2010, section 3.2.1).

    32x32 area means, the 8x8 lowest frequencies of their DCT: each bit says whether a
    coefficient is above the median of all but the constant one.
    """
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes())


def small_copies(pixels: np.ndarray) -> Small:
    """Return the thumbnails of (H, W, 3) uint8, with and without a flat frame."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    thumb = _shrunk(gray)
    contrast = float(thumb.std())
    if contrast < _FAINT:  # two colours may be one gray
        contrast = max(contrast, *pixels.std(axis=(0, 1)).tolist())
    box = inner_box(gray)
    if box is None:
        return Small(thumb, chroma_of(pixels), None, None, 0.0, 1.0, contrast)
    x0, y0, x1, y1 = box
    height, width = gray.shape
    share = (x1 - x0) * (y1 - y0) / (width * height)
    inner, colours = _shrunk(gray[y0:y1, x0:x1]), chroma_of(pixels[y0:y1, x0:x1])
    text = frame_text(thumb, box, gray.shape)
    return Small(thumb, chroma_of(pixels), inner, colours, text, share, contrast)


def chroma_of(pixels: np.ndarray) -> np.ndarray:
    """Return Cr and Cb, (2, 32, 32) uint8, 128 where there is no colour, of (H, W, 3) uint8."""
    while min(pixels.shape[:2]) >= 2 * THUMB_PX:  # by two is fast; then by less than two
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        even = pixels[: 2 * half[1], : 2 * half[0]]
        pixels = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA))
    pixels = np.asarray(cv2.resize(pixels, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_LINEAR))
    small = cv2.resize(pixels, (CHROMA_PX, CHROMA_PX), interpolation=cv2.INTER_AREA)
    channels = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)[..., 1:]
    return np.ascontiguousarray(channels.transpose(2, 0, 1))


def fine_copy(pixels: np.ndarray, inner: bool) -> np.ndarray | None:
    """Return all of (H, W, 3) uint8, or what lies in its frame, as (256, 256) uint8 gray.

    None where it has not so many pixels.
    """
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    box = inner_box(gray) if inner else None
    if box is not None:
        x0, y0, x1, y1 = box
        gray = gray[y0:y1, x0:x1]
    if min(gray.shape) < _ENOUGH * FINE_PX:
        return None
    return np.asarray(cv2.resize(gray, (FINE_PX, FINE_PX), interpolation=cv2.INTER_AREA))


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Return (128, 128) uint8 gray area means of (H, W, 3) uint8."""
    return _shrunk(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def inner_box(gray: np.ndarray) -> Box | None:
    """Return what lies in a frame of one colour, or None where there is no frame.

    The colour is that of the corners. Of several stretches with empty ones between them, as a
    telephone's clock and the picture that it shows, the longest counts.

    Args:
        gray: (H, W) uint8.
    """
    height, width = gray.shape
    colour = _corners(gray)
    alike = cv2.inRange(gray, colour - _LIKE, colour + _LIKE)
    y0, y1 = _longest(cv2.reduce(alike, 1, cv2.REDUCE_AVG).ravel() >= 255 * _FLAT)
    x0, x1 = _longest(cv2.reduce(alike[y0:y1], 0, cv2.REDUCE_AVG).ravel() >= 255 * _FLAT)
    shares = ((x1 - x0) / width, (y1 - y0) / height)
    return None if min(shares) < _LEAST or min(shares) > _FLAT else (x0, y0, x1, y1)


def shown_share(thumb: np.ndarray) -> float:
    """Return the share of a thumbnail that is not of the corners' colour, 0..1."""
    colour = _corners(thumb)
    alike = cv2.inRange(thumb, colour - _LIKE, colour + _LIKE)
    return 1 - cv2.countNonZero(alike) / thumb.size


def frame_text(thumb: np.ndarray, box: Box, shape: tuple[int, ...]) -> float:
    """Return how much the fullest line outside of the box looks like text, 0..1.

    Args:
        thumb: (128, 128), of a picture of `shape` in whose pixels the box is.
    """
    across, down = (THUMB_PX / side for side in (shape[1], shape[0]))
    x0, y0, x1, y1 = box
    outside = np.full(thumb.shape, 1, np.float32)
    # a pixel more is left out: there the picture shines into the frame
    left, upper = max(0, int(x0 * across) - 1), max(0, int(y0 * down) - 1)
    outside[upper : int(y1 * down) + 2, left : int(x1 * across) + 2] = 0
    ink = (thumb.astype(np.float32) - _corners(thumb)) ** 2 * outside
    fullest = float(cv2.blur(ink, _LINE, borderType=cv2.BORDER_CONSTANT).max())
    return fullest / (fullest + _CONTRAST**2)


def _corners(gray: np.ndarray) -> int:
    return sum(sorted(int(gray[y, x]) for y in (0, -1) for x in (0, -1))[1:3]) // 2


def _longest(is_flat: np.ndarray) -> tuple[int, int]:
    """Return the longest stretch that is not flat, (0, all) where there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], is_flat, [True]]).astype(np.int8)))
    begins, ends = edges[::2], edges[1::2]
    if not len(begins):
        return 0, len(is_flat)
    apart = begins[1:] - ends[:-1] > _GAP * len(is_flat)
    begins, ends = begins[np.r_[True, apart]], ends[np.r_[apart, True]]
    longest = int(np.argmax(ends - begins))
    return int(begins[longest]), int(ends[longest])


def _shrunk(gray: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(gray, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA))
