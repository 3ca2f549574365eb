"""A seeded world that draws each scene twice: as a photo and as a cartoon of the same geometry.

Unpaired training on photos of some scenes and cartoons of others has a hidden truth here: the
cartoon of the photo's own scene.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from memegan.demo import palettes as P
from memegan.demo.palettes import Material, Palette

Style = Literal["photo", "cartoon"]
Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """One filled outline in the unit square, (0, 0) at the upper left; drawn back to front."""

    material: Material
    points: tuple[Point, ...]
    shade: float = 0.0  # how much darker the photo's lower edge is, 0..1
    outlined: bool = True
    haze: float = 0.0  # how far away: the photo mixes in the sky


@dataclass(frozen=True)
class Scene:
    """A landscape with its things: pure geometry and materials."""

    seed: int
    palette: Palette
    kinds: tuple[str, ...]
    shapes: tuple[Shape, ...]


def scene(seed: int) -> Scene:
    """Compose the scene of a number; any two numbers give different scenes."""
    rng = Random(int.from_bytes(hashlib.sha256(f"scene/{seed}".encode()).digest()[:8]))
    palette = rng.choice(P.PALETTES)
    horizon = rng.uniform(0.45, 0.62)
    shapes, kinds = _sky(rng, palette, horizon)
    shapes += _ridges(rng, palette, horizon)
    shapes.append(Shape(palette.ground, _band(rng, horizon + 0.14, 0.02), shade=0.35))
    if rng.random() < 0.4:
        kinds.append("lake")
        shapes.append(_lake(rng, palette, horizon + 0.2))
        if rng.random() < 0.6:
            kinds.append("boat")
            shapes += _boat(rng, rng.uniform(0.3, 0.7), horizon + 0.24)
    if rng.random() < 0.25:
        kinds.append("road")
        shapes.append(_road(rng, horizon + 0.15))
    for depth in sorted(rng.uniform(0.0, 1.0) for _ in range(rng.randint(3, 6))):
        kind = rng.choice(sorted(_THINGS))
        kinds.append(kind)
        foot = horizon + 0.17 + depth * 0.24
        shapes += _THINGS[kind](rng, palette, rng.uniform(0.08, 0.92), foot, 0.10 + 0.16 * depth)
    return Scene(seed, palette, tuple(kinds), tuple(shapes))


def draw(what: Scene, style: Style, size_px: int) -> Image.Image:
    """Draw a scene as RGB of `size_px` squared, antialiased.

    A photo is textured, lit from above, hazy in the distance and grainy; a cartoon is flat with
    dark outlines. The same pixels come out for the same arguments.
    """
    side = 2 * size_px
    return (_photo if style == "photo" else _cartoon)(what, side).resize(
        (size_px, size_px), Image.Resampling.BOX
    )


def _cartoon(what: Scene, side: int) -> Image.Image:
    image = Image.new("RGB", (side, side), what.palette.sky.cartoon)
    pen = ImageDraw.Draw(image)
    width = max(2, round(side / 64))
    for shape in what.shapes:
        points = [(x * side, y * side) for x, y in shape.points]
        pen.polygon(points, fill=shape.material.cartoon)
        if shape.outlined:
            pen.line([*points, points[0], points[1]], fill=P.OUTLINE, width=width, joint="curve")
    return image


def _photo(what: Scene, side: int) -> Image.Image:
    noise = np.random.default_rng(what.seed)
    textures: dict[float, np.ndarray] = {}
    rows = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
    sky = np.asarray(what.palette.sky.photo, np.float32)
    pixels = np.broadcast_to(sky * (0.82 + 0.36 * rows), (side, side, 3)).copy()
    pixels += 120 * what.palette.sky.grain * _texture(noise, textures, 0.3, side)
    for shape in what.shapes:
        mask = Image.new("L", (side, side))
        ImageDraw.Draw(mask).polygon([(x * side, y * side) for x, y in shape.points], fill=255)
        box = mask.getbbox()
        if box is None:
            continue
        left, top, right, bottom = box
        part = (slice(top, bottom), slice(left, right))
        grain = _texture(noise, textures, shape.material.scale, side)[part]
        ramp = np.linspace(1 + shape.shade / 3, 1 - shape.shade, bottom - top, dtype=np.float32)
        colour = np.asarray(shape.material.photo, np.float32) * ramp[:, None, None]
        lit = colour * (1 + shape.material.grain * grain)
        lit += shape.haze * what.palette.haze * (sky - lit)
        cover = np.asarray(mask, np.float32)[part][..., None] / 255
        pixels[part] += cover * (lit - pixels[part])
    centre = np.linspace(-1, 1, side, dtype=np.float32)
    vignette = 1 - 0.22 * (centre[:, None] ** 2 + centre[None, :] ** 2)[..., None]
    pixels *= what.palette.light * vignette
    pixels += noise.normal(0, 4, (side, side, 1)).astype(np.float32)
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(side / 300))


def _texture(
    noise: np.random.Generator, made: dict[float, np.ndarray], scale: float, side: int
) -> np.ndarray:
    """Return two octaves of smooth noise around 0, (side, side, 1); one a scale and picture."""
    if scale not in made:
        total = np.zeros((side, side), np.float32)
        for octave, weight in ((1.0, 0.6), (0.5, 0.4)):
            cells = max(2, min(side, round(1 / (scale * octave))))
            coarse = Image.fromarray(noise.standard_normal((cells, cells)).astype(np.float32))
            total += weight * np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))
        made[scale] = total[..., None] * 0.5
    return made[scale]


def _ellipse(x: float, y: float, rx: float, ry: float, corners: int = 28) -> tuple[Point, ...]:
    turn = [2 * math.pi * k / corners for k in range(corners)]
    return tuple((x + rx * math.cos(t), y + ry * math.sin(t)) for t in turn)


def _rect(x0: float, y0: float, x1: float, y1: float) -> tuple[Point, ...]:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def _band(rng: Random, top: float, swing: float) -> tuple[Point, ...]:
    """Everything below a wavy line."""
    phase, waves = rng.uniform(0, 6.28), rng.uniform(1, 2.5)
    xs = [k / 32 for k in range(-1, 34)]
    line = [(x, top + swing * math.sin(phase + waves * 6.28 * x)) for x in xs]
    return (*line, (1.1, 1.1), (-0.1, 1.1))


def _sky(rng: Random, palette: Palette, horizon: float) -> tuple[list[Shape], list[str]]:
    shapes, kinds = [], []
    disc, kind = (P.MOON, "moon") if palette.name == "night" else (P.SUN, "sun")
    if rng.random() < 0.75:
        kinds.append(kind)
        place = rng.uniform(0.1, 0.9), rng.uniform(0.1, horizon - 0.25)
        radius = rng.uniform(0.05, 0.085)
        shapes.append(Shape(disc, _ellipse(*place, radius, radius)))
    for _ in range(rng.randint(0, 3)):
        kinds.append("cloud")
        x, y, w = rng.uniform(0.1, 0.9), rng.uniform(0.08, horizon - 0.2), rng.uniform(0.06, 0.12)
        puffs = [(x - w, y, w * 0.6), (x + w, y, w * 0.6), (x, y - w * 0.3, w * 0.75)]
        shapes += [
            Shape(P.CLOUD, _ellipse(px, py, r * 1.3, r * 0.6), 0.15, outlined=False)
            for px, py, r in puffs
        ]
    if rng.random() < 0.3:
        kinds.append("balloon")
        x, y, r = rng.uniform(0.15, 0.85), rng.uniform(0.15, horizon - 0.2), rng.uniform(0.05, 0.08)
        shapes += [
            Shape(P.WOOD, _rect(x - r * 0.25, y + r * 1.5, x + r * 0.25, y + r * 1.85)),
            Shape(rng.choice(P.METAL), _ellipse(x, y, r, r * 1.2), 0.3),
        ]
    if rng.random() < 0.3:
        kinds.append("bird")
        for _ in range(rng.randint(1, 3)):
            x, y = rng.uniform(0.1, 0.9), rng.uniform(0.1, horizon - 0.15)
            wing = ((x - 0.05, y - 0.02), (x, y), (x + 0.05, y - 0.02), (x, y + 0.018))
            shapes.append(Shape(P.DARK, wing, outlined=False))
    return shapes, kinds


def _ridges(rng: Random, palette: Palette, horizon: float) -> list[Shape]:
    peaks = [(-0.1, horizon)]
    while peaks[-1][0] < 1.1:
        x = peaks[-1][0]
        step = rng.uniform(0.08, 0.2)
        peaks += [(x + step, horizon - rng.uniform(0.05, 0.22)), (x + 2 * step, horizon)]
    mountains = Shape(palette.far, (*peaks, (1.1, 1.1), (-0.1, 1.1)), 0.2, haze=0.9)
    near = Shape(palette.hill, _band(rng, horizon + 0.05, rng.uniform(0.02, 0.05)), 0.25, haze=0.4)
    return [mountains, near]


def _lake(rng: Random, palette: Palette, y: float) -> Shape:
    return Shape(palette.water, _ellipse(rng.uniform(0.25, 0.75), y + 0.04, 0.32, 0.055), -0.2)


def _road(rng: Random, top: float) -> Shape:
    x, end = rng.uniform(0.35, 0.65), rng.uniform(0.2, 0.8)
    return Shape(
        P.STONE, ((x - 0.015, top), (x + 0.015, top), (end + 0.16, 1.1), (end - 0.16, 1.1)), 0.2
    )


def _boat(rng: Random, x: float, y: float) -> list[Shape]:
    hull = (
        (x - 0.08, y - 0.015),
        (x + 0.08, y - 0.015),
        (x + 0.05, y + 0.025),
        (x - 0.05, y + 0.025),
    )
    sail = ((x, y - 0.16), (x + 0.07, y - 0.025), (x, y - 0.025))
    return [Shape(rng.choice(P.METAL), hull, 0.3), Shape(P.CLOUD, sail, 0.2)]


def _house(rng: Random, palette: Palette, x: float, y: float, s: float) -> list[Shape]:
    w, h, roof = s * 0.55, s * 0.6, rng.choice(P.ROOFS)
    return [
        Shape(rng.choice(P.WALLS), _rect(x - w, y - h, x + w, y), 0.25),
        Shape(roof, ((x - w * 1.2, y - h), (x, y - h * 1.9), (x + w * 1.2, y - h)), 0.3),
        Shape(P.WOOD, _rect(x - w * 0.2, y - h * 0.5, x + w * 0.15, y)),
        Shape(P.GLASS, _rect(x + w * 0.35, y - h * 0.75, x + w * 0.75, y - h * 0.4)),
        Shape(P.GLASS, _rect(x - w * 0.75, y - h * 0.75, x - w * 0.35, y - h * 0.4)),
    ]


def _tree(rng: Random, palette: Palette, x: float, y: float, s: float) -> list[Shape]:
    return [
        Shape(P.WOOD, _rect(x - s * 0.08, y - s * 0.7, x + s * 0.08, y)),
        Shape(palette.leaf, _ellipse(x, y - s, s * 0.5, s * 0.45), 0.45),
    ]


def _pine(rng: Random, palette: Palette, x: float, y: float, s: float) -> list[Shape]:
    tiers = [
        Shape(
            palette.leaf,
            ((x - s * w, y - s * low), (x, y - s * (low + 0.6)), (x + s * w, y - s * low)),
            0.4,
        )
        for low, w in ((0.2, 0.42), (0.55, 0.34), (0.9, 0.26))
    ]
    return [Shape(P.WOOD, _rect(x - s * 0.06, y - s * 0.25, x + s * 0.06, y)), *tiers]


def _palm(rng: Random, palette: Palette, x: float, y: float, s: float) -> list[Shape]:
    lean, top = rng.uniform(-0.2, 0.2) * s, y - s * 1.3
    trunk = (
        (x - s * 0.07, y),
        (x + lean - s * 0.04, top),
        (x + lean + s * 0.04, top),
        (x + s * 0.07, y),
    )
    leaves = []
    for turn in (-2.9, -2.3, -1.57, -0.85, -0.25):
        tip = (x + lean + s * 0.6 * math.cos(turn), top + s * 0.42 * math.sin(turn) + s * 0.18)
        side = (x + lean + s * 0.3 * math.cos(turn), top + s * 0.42 * math.sin(turn))
        leaves.append(
            Shape(
                palette.leaf, ((x + lean, top - 0.01), side, tip, (x + lean, top + s * 0.12)), 0.3
            )
        )
    return [Shape(P.WOOD, trunk, 0.2), *leaves]


def _car(rng: Random, palette: Palette, x: float, y: float, s: float) -> list[Shape]:
    paint, w = rng.choice(P.METAL), s * 0.7
    cabin = (
        (x - w * 0.5, y - s * 0.4),
        (x - w * 0.3, y - s * 0.7),
        (x + w * 0.3, y - s * 0.7),
        (x + w * 0.55, y - s * 0.4),
    )
    wheels = [
        Shape(P.DARK, _ellipse(x + k * w * 0.55, y - s * 0.08, s * 0.14, s * 0.14)) for k in (-1, 1)
    ]
    return [
        Shape(P.GLASS, cabin, 0.1),
        Shape(paint, _rect(x - w, y - s * 0.42, x + w, y - s * 0.1), 0.4),
        *wheels,
    ]


def _sheep(rng: Random, palette: Palette, x: float, y: float, s: float) -> list[Shape]:
    legs = [
        Shape(P.DARK, _rect(x + k * s - 0.01, y - s * 0.25, x + k * s + 0.01, y))
        for k in (-0.2, 0.2)
    ]
    return [
        *legs,
        Shape(P.WOOL, _ellipse(x, y - s * 0.38, s * 0.42, s * 0.26), 0.35),
        Shape(P.DARK, _ellipse(x + s * 0.42, y - s * 0.48, s * 0.14, s * 0.12)),
    ]


def _fence(rng: Random, palette: Palette, x: float, y: float, s: float) -> list[Shape]:
    posts = [
        Shape(P.WOOD, _rect(x + k * s * 0.3 - 0.012, y - s * 0.4, x + k * s * 0.3 + 0.012, y), 0.2)
        for k in range(-2, 3)
    ]
    return [Shape(P.WOOD, _rect(x - s * 0.7, y - s * 0.3, x + s * 0.7, y - s * 0.2), 0.2), *posts]


def _lighthouse(rng: Random, palette: Palette, x: float, y: float, s: float) -> list[Shape]:
    w, h = s * 0.22, s * 1.5
    stripes = [
        Shape(
            (P.STONE, P.METAL[0])[k % 2],
            _rect(x - w * (1 - 0.1 * k), y - h * (k + 1) / 5, x + w * (1 - 0.1 * k), y - h * k / 5),
            0.15,
        )
        for k in range(5)
    ]
    return [
        *stripes,
        Shape(P.SUN, _rect(x - w * 0.5, y - h * 1.15, x + w * 0.5, y - h)),
        Shape(
            P.ROOFS[1],
            ((x - w * 0.7, y - h * 1.15), (x, y - h * 1.35), (x + w * 0.7, y - h * 1.15)),
        ),
    ]


def _flowers(rng: Random, palette: Palette, x: float, y: float, s: float) -> list[Shape]:
    shapes, petal = [], rng.choice(P.PETALS)
    for _ in range(rng.randint(3, 6)):
        fx, fy = x + rng.uniform(-0.5, 0.5) * s, y - rng.uniform(0.2, 0.45) * s
        shapes += [
            Shape(palette.leaf, _rect(fx - 0.006, fy, fx + 0.006, y), outlined=False),
            Shape(petal, _ellipse(fx, fy, s * 0.13, s * 0.13, 10)),
        ]
    return shapes


def _rock(rng: Random, palette: Palette, x: float, y: float, s: float) -> list[Shape]:
    jag = [rng.uniform(0.7, 1.1) for _ in range(7)]
    points = [
        (x - s * 0.45 * j * math.cos(math.pi * k / 6), y - s * 0.45 * j * math.sin(math.pi * k / 6))
        for k, j in enumerate(jag)
    ]
    return [Shape(P.STONE, tuple(points), 0.5)]


def _mill(rng: Random, palette: Palette, x: float, y: float, s: float) -> list[Shape]:
    tower = ((x - s * 0.3, y), (x - s * 0.18, y - s), (x + s * 0.18, y - s), (x + s * 0.3, y))
    turn, hub = rng.uniform(0, 1.5), (x, y - s * 0.95)
    sails = []
    for k in range(4):
        a = turn + k * math.pi / 2
        c, n = math.cos(a) * s * 0.65, math.sin(a) * s * 0.65
        sails.append(
            Shape(
                P.CLOUD,
                (
                    hub,
                    (hub[0] + c - n * 0.12, hub[1] + n + c * 0.12),
                    (hub[0] + c + n * 0.12, hub[1] + n - c * 0.12),
                ),
            )
        )
    return [Shape(rng.choice(P.WALLS), tower, 0.3), *sails]


Thing = Callable[[Random, Palette, float, float, float], list[Shape]]
_THINGS: dict[str, Thing] = {
    "house": _house,
    "tree": _tree,
    "pine": _pine,
    "palm": _palm,
    "car": _car,
    "sheep": _sheep,
    "fence": _fence,
    "lighthouse": _lighthouse,
    "flowers": _flowers,
    "rock": _rock,
    "mill": _mill,
}
KINDS = (*sorted(_THINGS), "balloon", "bird", "boat", "cloud", "lake", "moon", "road", "sun")


def shifted(what: Scene, by: float) -> Scene:
    """Return the scene moved sideways by `by` of its width: a camera that pans."""
    shapes = (replace(s, points=tuple((x + by, y) for x, y in s.points)) for s in what.shapes)
    return replace(what, shapes=tuple(shapes))
