"""One look at a candidate: what dedup has to know of it, or why it is set aside."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from memegan.images.editors import LEAST_PX, bars, may_have_bars
from memegan.images.features import THUMB_PX, Features, phash, shown_share, small_copies
from memegan.images.params import DedupParams
from memegan.media import BadMedia, header, rgb, sniff
from memegan.records import FRAME, KeptRow

Read = Callable[[KeptRow], bytes]
_FEW_WORDS = 0.15  # share that is not of the corners' colour


@dataclass(frozen=True)
class Bad:
    """Why a candidate is set aside: a stable code, and words for people."""

    reason: str
    detail: str = ""


def look(row: KeptRow, read: Read, min_size_px: int) -> Features | Bad:
    """Decode a picture, at a smaller scale where that does, and describe it."""
    data = read(row)
    try:
        pixels = whole(row, data, at_least_px=THUMB_PX)
        height, width = pixels.shape[:2]
        if sniff(data) == "image/jpeg" and not row.rect:  # the pixels may be at a smaller scale
            about = header(data)
            width, height = about.width_px, about.height_px
    except BadMedia as error:
        return Bad(error.reason, str(error))
    except ValueError as error:
        return Bad("bad_rect", str(error))
    if bad := too_small(width, height, min_size_px):
        return bad
    small = small_copies(pixels)
    digest = hashlib.sha256(f"{width}x{height}".encode() + pixels.tobytes()).hexdigest()
    tools = _tool_bars(row, data, pixels) if min(width, height) >= LEAST_PX else 0
    return Features(phash(small.thumb), small, digest, width, height, tools)


def _tool_bars(row: KeptRow, data: bytes, pixels: np.ndarray) -> int:
    """Count an editor's bars: most pictures have nothing like them, the others are read in full."""
    if not may_have_bars(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)):
        return 0
    return bars(cv2.cvtColor(whole(row, data), cv2.COLOR_RGB2GRAY))


def too_small(width: int, height: int, min_size_px: int) -> Bad | None:
    """Tell whether the short side is below the limit."""
    return Bad("too_small", f"{width}x{height} px") if min(width, height) < min_size_px else None


def junk(seen: Features, posts: int, p: DedupParams) -> Bad | None:
    """Tell why nobody would miss a picture: nothing is on it, or a site's notice of removal.

    A notice is a few words, and the same file stands in for many pictures.

    Args:
        posts: how many posts show this file.
    """
    if seen.small.contrast < p.min_contrast:
        return Bad("flat", f"its levels spread by {seen.small.contrast:.1f}")
    shown = shown_share(seen.small.thumb)
    told = f"{shown:.3f} of it is not of the corners' colour"
    if shown < p.min_shown:
        return Bad("near_empty", told)
    if 0 < p.editor_bars <= seen.bars:
        return Bad("editor", f"{seen.bars} bars with tools along its sides")
    if 0 < p.placeholder_posts <= posts and shown < _FEW_WORDS:
        return Bad("placeholder", f"{posts} posts show it, {told}")
    return None


def same_pixels(a: KeptRow, b: KeptRow, read: Read) -> bool:
    """Tell whether two pictures are equal at full size, whatever their files look like."""
    return np.array_equal(whole(a, read(a)), whole(b, read(b)))


def whole(row: KeptRow, data: bytes, at_least_px: int | None = None) -> np.ndarray:
    """Return the part of a picture that counts, (H, W, 3) uint8.

    Args:
        at_least_px: as `media.rgb`; a part is always cut out of the full size.

    Raises:
        BadMedia: it cannot be decoded.
        ValueError: the part does not lie in the picture.
    """
    if row.rect.startswith(FRAME):
        return rgb(data, frame=int(row.rect.removeprefix(FRAME)))
    return cut(rgb(data), row.rect) if row.rect else rgb(data, at_least_px)


def cut(pixels: np.ndarray, rect: str) -> np.ndarray:
    """Return the part x0,y0,x1,y1 of (H, W, 3).

    Raises:
        ValueError: the part is empty or lies outside the picture.
    """
    x0, y0, x1, y1 = (int(part) for part in rect.split(","))
    height, width = pixels.shape[:2]
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise ValueError(f"{rect} does not lie in {width}x{height} px")
    return np.ascontiguousarray(pixels[y0:y1, x0:x1])
