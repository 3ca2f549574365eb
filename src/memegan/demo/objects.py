"""What stands in the demo's landscapes: each thing as outlines and materials, back to front."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from memegan.demo import palettes as P
from memegan.demo.palettes import Material, Palette

Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """One filled outline in the unit square, (0, 0) at the upper left; drawn back to front."""

    material: Material
    points: tuple[Point, ...]
    shade: float = 0.0  # how much darker the photo's lower edge is, 0..1
    outlined: bool = True
    haze: float = 0.0  # how far away: the photo mixes in the sky


def _ellipse(x: float, y: float, rx: float, ry: float, corners: int = 28) -> tuple[Point, ...]:
    turn = [2 * math.pi * k / corners for k in range(corners)]
    return tuple((x + rx * math.cos(t), y + ry * math.sin(t)) for t in turn)


def _rect(x0: float, y0: float, x1: float, y1: float) -> tuple[Point, ...]:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def band(rng: Random, top: float, swing: float) -> tuple[Point, ...]:
    """Everything below a wavy line."""
    phase, waves = rng.uniform(0, 6.28), rng.uniform(1, 2.5)
    xs = [k / 32 for k in range(-1, 34)]
    line = [(x, top + swing * math.sin(phase + waves * 6.28 * x)) for x in xs]
    return (*line, (1.1, 1.1), (-0.1, 1.1))


def sky(rng: Random, palette: Palette, horizon: float) -> tuple[list[Shape], list[str]]:
    """What is above the horizon: sun or moon, clouds, balloons, birds; and their names."""
    shapes, kinds = [], []
    disc, kind = (P.MOON, "moon") if palette.name == "night" else (P.SUN, "sun")
    if rng.random() < 0.75:
        kinds.append(kind)
        place = rng.uniform(0.1, 0.9), rng.uniform(0.1, horizon - 0.25)
        radius = rng.uniform(0.05, 0.085)
        shapes.append(Shape(disc, _ellipse(*place, radius, radius)))
    for _ in range(rng.randint(0, 2)):
        kinds.append("cloud")
        x, y, w = rng.uniform(0.1, 0.9), rng.uniform(0.08, horizon - 0.22), rng.uniform(0.07, 0.12)
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


def ridges(rng: Random, palette: Palette, horizon: float) -> list[Shape]:
    """Mountains in the haze and hills before them."""
    peaks = [(-0.1, horizon)]
    while peaks[-1][0] < 1.1:
        x = peaks[-1][0]
        step = rng.uniform(0.14, 0.26)
        peaks += [(x + step, horizon - rng.uniform(0.05, 0.22)), (x + 2 * step, horizon)]
    mountains = Shape(palette.far, (*peaks, (1.1, 1.1), (-0.1, 1.1)), 0.2, haze=0.9)
    near = Shape(palette.hill, band(rng, horizon + 0.05, rng.uniform(0.02, 0.05)), 0.25, haze=0.4)
    return [mountains, near]


def lake(rng: Random, palette: Palette, y: float) -> Shape:
    """A still water whose upper shore is near `y`."""
    return Shape(palette.water, _ellipse(rng.uniform(0.25, 0.75), y + 0.04, 0.32, 0.055), -0.2)


def road(rng: Random, top: float) -> Shape:
    """A road from `top` to the lower edge, wider as it comes near."""
    x, end = rng.uniform(0.35, 0.65), rng.uniform(0.2, 0.8)
    return Shape(
        P.STONE, ((x - 0.015, top), (x + 0.015, top), (end + 0.16, 1.1), (end - 0.16, 1.1)), 0.2
    )


def boat(rng: Random, x: float, y: float) -> list[Shape]:
    """A hull with one sail."""
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
THINGS: dict[str, Thing] = {
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
TREES = ("palm", "pine", "tree")
BUILT = tuple(sorted(set(THINGS) - set(TREES)))  # stands anywhere; trees follow the palette
KINDS = (*sorted(THINGS), "balloon", "bird", "boat", "cloud", "lake", "moon", "road", "sun")
