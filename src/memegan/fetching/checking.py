"""Whether bytes are the picture or video that was meant; the body is believed last."""

import hashlib
from collections.abc import Collection

import numpy as np

from memegan.fetching.jobs import Meant, has_checksums
from memegan.fetching.reasons import PLACEHOLDERS, Refused
from memegan.media import BadMedia, rgb, sniff

_SMALL_BYTES, _SMALL_PX = 16_384, 65_536  # of PLACEHOLDERS


def check_media(media: Meant, data: bytes, placeholders: Collection[str] = ()) -> str:
    """Return the type of a body after decoding it to its end.

    Args:
        placeholders: further ones than PLACEHOLDERS: md5 of their files.

    Raises:
        Refused: checksum, empty, not_media, truncated, too_many_pixels or placeholder.
    """
    if not has_checksums(media, data):
        raise Refused("checksum", "not the file that the source means")
    kind = sniff(data)
    if kind.startswith("video/"):
        return kind
    try:
        # a JPEG at an eighth: every bit is read, few pixels are made
        pixels = rgb(data, at_least_px=1)
    except BadMedia as error:
        raise Refused(error.reason, str(error)) from None
    if is_placeholder(data, pixels, placeholders):
        raise Refused("placeholder")
    return kind


def is_placeholder(data: bytes, pixels: np.ndarray, further: Collection[str] = ()) -> bool:
    """Tell whether a picture is one of PLACEHOLDERS, which are small, or its md5 of `further`."""
    if further or len(data) <= _SMALL_BYTES:
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if md5 in PLACEHOLDERS or md5 in further:
            return True
    if pixels.shape[0] * pixels.shape[1] > _SMALL_PX:
        return False
    shaped = b"%dx%d" % pixels.shape[:2] + pixels.tobytes()
    return hashlib.sha256(shaped).hexdigest() in PLACEHOLDERS
