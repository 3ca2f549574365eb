"""What a picture looks like in 231 numbers: colour, texture and shape, without learned weights.

All parts are histograms under a square root, so the scalar product of two pictures is a likeness
from 0 (nothing in common) to 1 (alike), the same whatever other pictures there are.
"""

import cv2
import numpy as np

SIDE_PX = 64
_WEIGHTS = {"colour": 0.4, "texture": 0.2, "shape": 0.4}
_LIGHT, _CHROMA = 8, 7  # bins; chroma has as many on either axis
_CHROMA_END = 70.0  # of a* and b*: beyond lie few pictures' colours
_CELLS, _WAYS = 4, 8  # shape: 4x4 cells, 8 directions of edges
_LEAST_EDGE = 8.0  # of L* in a Sobel step: what is below is noise


def describe(pixels: np.ndarray) -> np.ndarray:
    """Return (231,) float32 of length 1, none below 0, for (H, W, 3) uint8."""
    size = (SIDE_PX, SIDE_PX)
    small = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    parts = {"colour": _colour(lab), "texture": _texture(lab[..., 0]), "shape": _shape(lab[..., 0])}
    weighted = [parts[name] * np.sqrt(weight) for name, weight in _WEIGHTS.items()]
    return np.concatenate(weighted).astype(np.float32)


def _colour(lab: np.ndarray) -> np.ndarray:
    """How much of which light and which chroma, (57,)."""
    light = np.histogram(lab[..., 0], _LIGHT, (0, 100.01))[0]
    ends = (-_CHROMA_END, _CHROMA_END)
    a, b = (lab[..., n].ravel().clip(*ends) for n in (1, 2))
    chroma = np.histogram2d(a, b, _CHROMA, (ends, ends))[0]
    soft = cv2.GaussianBlur(chroma.astype(np.float32), (3, 3), 0.6, borderType=cv2.BORDER_REPLICATE)
    return _rooted(light, soft.ravel())


def _texture(light: np.ndarray) -> np.ndarray:
    """Local binary patterns at two scales (Ojala et al. 2002, eq. 9: 10 bins) and edges, (46,)."""
    half = cv2.resize(light, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    strengths = [np.histogram(np.log2(1 + _edges(x)[0]), 13, (0, 9))[0] for x in (light, half)]
    return _rooted(_patterns(light), _patterns(half), *strengths)


def _shape(light: np.ndarray) -> np.ndarray:
    """Directions of edges in 4x4 cells (Dalal and Triggs 2005, no overlap), (128,)."""
    strength, way = _edges(light)
    strength = np.where(strength >= _LEAST_EDGE, np.sqrt(strength), 0)
    cell = np.arange(SIDE_PX) * _CELLS // SIDE_PX
    place = (cell[:, None] * _CELLS + cell[None]) * _WAYS + way
    held = np.bincount(place.ravel(), strength.ravel(), _CELLS * _CELLS * _WAYS)
    return _rooted(held + 1e-3)  # a picture without edges is like another one without


def _edges(light: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strength of the edge at each place and its direction 0..7, regardless of its sign."""
    across, down = (cv2.Sobel(light, cv2.CV_32F, x, 1 - x) for x in (1, 0))
    turned = np.arctan2(down, across) % np.pi
    return np.hypot(across, down), (turned / np.pi * _WAYS).astype(int) % _WAYS


def _patterns(light: np.ndarray) -> np.ndarray:
    """How often which uniform local pattern of 8 neighbours occurs, (10,)."""
    middle = light[1:-1, 1:-1]
    rows, columns = light.shape
    ring = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    bits = [
        light[y : rows - 2 + y, x : columns - 2 + x] >= middle + 1 for y, x in ring
    ]  # 1 of L*: grain is no pattern
    brighter = np.stack(bits)
    changes = (brighter != np.roll(brighter, 1, 0)).sum(0)
    number = np.where(changes <= 2, brighter.sum(0), 9)
    return np.bincount(number.ravel(), minlength=10)


def _rooted(*histograms: np.ndarray) -> np.ndarray:
    """Square roots of histograms that each sum to an equal share: together of length 1."""
    parts = [np.sqrt(h / max(h.sum(), 1e-12) / len(histograms)) for h in histograms]
    return np.concatenate(parts)
