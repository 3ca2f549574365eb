"""What dedup knows of a picture: a hash to find candidates, a small copy to verify them."""

from dataclasses import dataclass

import cv2
import numpy as np

THUMB_PX = 96
_LINE = (10, 48)  # rows and columns of a caption line at 96 px
_HOT = 24  # gray levels: beyond noise, JPEG and resizing


@dataclass(frozen=True)
class Features:
    """Of one picture: 64 bits and 96x96 gray pixels, (96, 96) uint8; and the pixels' digest."""

    phash: int
    thumb: np.ndarray
    pixels_sha256: str  # of the pixels as they were decoded, a JPEG maybe at a smaller scale
    width_px: int
    height_px: int


def phash(gray: np.ndarray) -> int:
    """Return the 64-bit DCT hash of a gray picture (Zauner 2010, section 3.2.1).

    32x32 area means, the 8x8 lowest frequencies of their DCT: each bit says whether a
    coefficient is above the median of all but the constant one.
    """
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes())


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Return (96, 96) uint8 gray area means of (H, W, 3) uint8."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(gray, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA))


def hot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mark where two thumbnails differ beyond noise, (96, 96) float32 of 0 and 1.

    Gain and bias are fitted first, so brightness and contrast do not count; a mean over 3x3
    forgives an edge that moved by a fraction of a pixel.
    """
    x, y = a.astype(np.float32), b.astype(np.float32)
    x, y = x - x.mean(), y - y.mean()
    spread = float((x * x).mean())
    gain = float((x * y).mean()) / spread if spread > 1 else 1.0
    difference = np.abs(y - min(max(gain, 0.5), 2.0) * x)
    return np.asarray(cv2.blur(difference, (3, 3)) > _HOT, np.float32)


def worst_line(marked: np.ndarray) -> float:
    """Return how full of differences the worst line-shaped window is, 0..1.

    A changed caption fills a line; noise and watermarks do not.
    """
    return float(cv2.blur(marked, (_LINE[1], _LINE[0]), borderType=cv2.BORDER_CONSTANT).max())


def near_pairs(
    earlier: np.ndarray, later: np.ndarray, radius: int, block_bytes: int = 1 << 26
) -> np.ndarray:
    """Return all i < j whose 64-bit hashes earlier[i] and later[j] are near, and how far.

    Popcounts block by block: memory stays flat, 10,000 hashes take about a second.

    Args:
        earlier, later: (N,) uint64 each.
        block_bytes: memory for one block of exclusive ors.

    Returns:
        (P, 3) int64: i, j, bits (at most `radius`); sorted.
    """
    found = [np.zeros((0, 3), np.int64)]
    block = max(1, block_bytes // (8 * max(1, len(later))))
    for start in range(0, len(earlier), block):
        bits = np.bitwise_count(earlier[start : start + block, None] ^ later[None, start:])
        i, j = np.nonzero(bits <= radius)
        ahead = j > i
        i, j = i[ahead], j[ahead]
        found.append(np.stack([i + start, j + start, bits[i, j].astype(np.int64)], axis=1))
    return np.concatenate(found)


def mirrored(thumb: np.ndarray) -> np.ndarray:
    """Return the thumbnail flipped left to right."""
    return np.ascontiguousarray(thumb[:, ::-1])
