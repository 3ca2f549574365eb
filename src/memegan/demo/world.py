"""A seeded world that draws each scene twice: as a photo and as a cartoon of the same geometry.

Unpaired training on photos of some scenes and cartoons of others has a hidden truth here: the
cartoon of the photo's own scene.
"""

import hashlib
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from memegan.demo import palettes as P
from memegan.demo.objects import BUILT, THINGS, Shape, band, boat, lake, ridges, road, sky
from memegan.demo.palettes import Palette

Style = Literal["photo", "cartoon"]


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
    horizon = rng.uniform(0.45, 0.58)
    shapes, kinds = sky(rng, palette, horizon)
    shapes += ridges(rng, palette, horizon)
    shapes.append(Shape(palette.ground, band(rng, horizon + 0.14, 0.02), shade=0.25))
    if rng.random() < 0.35:
        kinds.append("lake")
        shapes.append(lake(rng, palette, horizon + 0.2))
        if rng.random() < 0.6:
            kinds.append("boat")
            shapes += boat(rng, rng.uniform(0.3, 0.7), horizon + 0.24)
    elif rng.random() < 0.3:
        kinds.append("road")
        shapes.append(road(rng, horizon + 0.15))
    for depth in sorted(rng.uniform(0.0, 1.0) for _ in range(rng.randint(2, 4))):
        kind = rng.choice(palette.trees if rng.random() < 0.35 else BUILT)
        kinds.append(kind)
        foot = horizon + 0.17 + depth * 0.24
        shapes += THINGS[kind](rng, palette, rng.uniform(0.1, 0.9), foot, 0.13 + 0.16 * depth)
    return Scene(seed, palette, tuple(kinds), tuple(shapes))


def draw(what: Scene, style: Style, size_px: int) -> Image.Image:
    """Draw a scene as RGB of `size_px` squared, antialiased.

    A photo is textured, lit from above, hazy in the distance and grainy, with an exposure and a
    white balance of its own; a cartoon is flat with dark outlines. The same pixels come out for
    the same arguments.
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
    camera = noise.uniform((0.97, 0.99, 0.97), (1.03, 1.01, 1.03)) * noise.uniform(0.93, 1.07)
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
        lit += 0.7 * shape.haze * what.palette.haze * (sky - lit)
        cover = np.asarray(mask, np.float32)[part][..., None] / 255
        pixels[part] += cover * (lit - pixels[part])
    centre = np.linspace(-1, 1, side, dtype=np.float32)
    vignette = 1 - 0.15 * (centre[:, None] ** 2 + centre[None, :] ** 2)[..., None]
    pixels *= what.palette.light * vignette * camera.astype(np.float32)  # each its own exposure
    pixels += noise.normal(0, 2.5, (side, side, 1)).astype(np.float32)
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
        made[scale] = total[..., None] * 0.35
    return made[scale]


def shifted(what: Scene, by: float) -> Scene:
    """Return the scene moved sideways by `by` of its width: a camera that pans."""
    shapes = (replace(s, points=tuple((x + by, y) for x, y in s.points)) for s in what.shapes)
    return replace(what, shapes=tuple(shapes))
