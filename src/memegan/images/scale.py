"""Antialiased scaling, in the pixels' own values or in linear light."""

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
from PIL import Image

Filter = Literal["area", "lanczos"]
Scale = Callable[[np.ndarray, int, int], np.ndarray]
_STEPS = 1 << 14  # of the way back from linear light: fine enough for every 8-bit value


def scaled(pixels: np.ndarray, width: int, height: int, kind: Filter) -> np.ndarray:
    """Scale (H, W, 3) uint8 with an antialiasing filter; enlarging is by Lanczos."""
    if pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    shrinks = width <= pixels.shape[1] and height <= pixels.shape[0]
    if kind == "area" and shrinks:
        source = np.ascontiguousarray(pixels)
        return np.asarray(cv2.resize(source, (width, height), interpolation=cv2.INTER_AREA))
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def scaled_in_linear_light(pixels: np.ndarray, width: int, height: int, kind: Filter) -> np.ndarray:
    """Scale (H, W, 3) uint8 sRGB as light adds up: the mean of black and white is 188, not 128.

    Thin light lines on dark ground keep their brightness; it costs about three times the time.
    """
    if pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    light = _TO_LIGHT[pixels]
    if kind == "area" and width <= pixels.shape[1] and height <= pixels.shape[0]:
        small = cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA)
    else:  # Pillow's Lanczos widens with the scale, as antialiasing must; OpenCV's does not
        planes = [Image.fromarray(np.ascontiguousarray(light[..., c])) for c in range(3)]
        made = [plane.resize((width, height), Image.Resampling.LANCZOS) for plane in planes]
        small = np.dstack([np.asarray(plane) for plane in made])
    return _FROM_LIGHT[(np.asarray(small).clip(0, 1) * _STEPS).round().astype(np.int32)]


def _to_light() -> np.ndarray:
    """The 256 values of sRGB as light, float32 in 0..1 (IEC 61966-2-1)."""
    value = np.arange(256) / 255
    curve = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return curve.astype(np.float32)


def _from_light() -> np.ndarray:
    light = np.arange(_STEPS + 1) / _STEPS
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (value * 255).round().astype(np.uint8)


_TO_LIGHT, _FROM_LIGHT = _to_light(), _from_light()
