"""Colours of the demo world: a cartoon palette for each landscape and its photo's materials."""

from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Material:
    """What a surface looks like in both styles.

    The photo colour is muted and textured, the cartoon colour flat and saturated; the way from
    one to the other is not an affine map, so that a colour transform alone cannot translate.
    """

    photo: Colour
    cartoon: Colour
    grain: float  # strength of the photo's texture, 0..1
    scale: float  # size of the texture's blobs, as a share of the picture


@dataclass(frozen=True)
class Palette:
    """A season and a time of day."""

    name: str
    sky: Material
    far: Material
    hill: Material
    ground: Material
    water: Material
    leaf: Material
    light: float  # brightness of the photo, about 1
    haze: float  # how much the photo's distance fades, 0..1


def _m(photo: Colour, cartoon: Colour, grain: float, scale: float) -> Material:
    return Material(photo, cartoon, grain, scale)


PALETTES: tuple[Palette, ...] = (
    Palette(
        "spring noon",
        sky=_m((150, 172, 196), (86, 190, 255), 0.05, 0.30),
        far=_m((122, 126, 128), (160, 132, 232), 0.22, 0.06),
        hill=_m((96, 112, 70), (112, 214, 118), 0.25, 0.05),
        ground=_m((128, 122, 72), (250, 208, 92), 0.30, 0.03),
        water=_m((92, 112, 122), (40, 140, 240), 0.12, 0.10),
        leaf=_m((58, 86, 44), (28, 178, 86), 0.35, 0.03),
        light=1.0,
        haze=0.35,
    ),
    Palette(
        "autumn",
        sky=_m((184, 178, 168), (255, 214, 150), 0.07, 0.35),
        far=_m((116, 108, 106), (198, 122, 160), 0.22, 0.06),
        hill=_m((128, 102, 62), (238, 150, 62), 0.28, 0.05),
        ground=_m((112, 92, 62), (206, 214, 96), 0.32, 0.03),
        water=_m((96, 100, 100), (70, 120, 200), 0.12, 0.10),
        leaf=_m((140, 78, 38), (226, 66, 48), 0.38, 0.03),
        light=0.95,
        haze=0.30,
    ),
    Palette(
        "winter",
        sky=_m((176, 184, 192), (196, 232, 255), 0.04, 0.35),
        far=_m((138, 146, 156), (120, 156, 232), 0.20, 0.06),
        hill=_m((190, 194, 198), (244, 248, 255), 0.12, 0.06),
        ground=_m((204, 206, 206), (222, 238, 255), 0.12, 0.04),
        water=_m((128, 144, 154), (122, 196, 240), 0.10, 0.10),
        leaf=_m((54, 70, 60), (16, 120, 110), 0.30, 0.03),
        light=1.05,
        haze=0.45,
    ),
    Palette(
        "desert evening",
        sky=_m((190, 160, 140), (255, 150, 110), 0.06, 0.35),
        far=_m((128, 96, 84), (142, 74, 150), 0.24, 0.06),
        hill=_m((160, 124, 88), (232, 112, 92), 0.24, 0.05),
        ground=_m((176, 146, 104), (255, 226, 140), 0.26, 0.04),
        water=_m((104, 112, 112), (30, 170, 180), 0.12, 0.10),
        leaf=_m((88, 92, 56), (96, 170, 60), 0.34, 0.03),
        light=0.98,
        haze=0.25,
    ),
    Palette(
        "night",
        sky=_m((34, 40, 62), (36, 34, 110), 0.10, 0.35),
        far=_m((34, 38, 48), (72, 56, 150), 0.22, 0.06),
        hill=_m((36, 46, 42), (32, 100, 122), 0.26, 0.05),
        ground=_m((44, 46, 40), (60, 140, 110), 0.30, 0.03),
        water=_m((30, 40, 58), (24, 72, 190), 0.14, 0.10),
        leaf=_m((22, 34, 26), (18, 92, 84), 0.34, 0.03),
        light=0.9,
        haze=0.15,
    ),
    Palette(
        "tropics",
        sky=_m((158, 182, 190), (92, 232, 236), 0.05, 0.30),
        far=_m((92, 108, 98), (40, 168, 150), 0.24, 0.06),
        hill=_m((78, 104, 58), (150, 226, 64), 0.28, 0.05),
        ground=_m((186, 170, 132), (255, 238, 176), 0.20, 0.03),
        water=_m((86, 128, 128), (24, 196, 214), 0.12, 0.10),
        leaf=_m((62, 96, 40), (70, 200, 40), 0.36, 0.03),
        light=1.08,
        haze=0.30,
    ),
    Palette(
        "stormy moor",
        sky=_m((104, 108, 116), (128, 122, 170), 0.14, 0.25),
        far=_m((76, 80, 84), (92, 88, 140), 0.24, 0.06),
        hill=_m((86, 88, 66), (146, 140, 92), 0.28, 0.05),
        ground=_m((96, 84, 80), (196, 116, 186), 0.32, 0.03),
        water=_m((70, 80, 86), (70, 96, 160), 0.14, 0.10),
        leaf=_m((56, 66, 48), (66, 122, 72), 0.34, 0.03),
        light=0.92,
        haze=0.40,
    ),
)

OUTLINE: Colour = (24, 18, 34)
WALLS = (
    _m((168, 140, 126), (255, 156, 172), 0.16, 0.02),
    _m((182, 176, 160), (255, 246, 214), 0.14, 0.02),
    _m((128, 134, 140), (150, 200, 255), 0.16, 0.02),
)
ROOFS = (
    _m((110, 62, 52), (232, 44, 60), 0.22, 0.015),
    _m((74, 76, 84), (94, 70, 190), 0.22, 0.015),
    _m((96, 84, 62), (255, 150, 40), 0.22, 0.015),
)
WOOD = _m((84, 66, 50), (150, 86, 40), 0.28, 0.015)
METAL = (
    _m((132, 52, 50), (240, 40, 70), 0.08, 0.05),
    _m((60, 82, 118), (36, 92, 240), 0.08, 0.05),
    _m((168, 158, 96), (255, 222, 36), 0.08, 0.05),
)
GLASS = _m((62, 74, 84), (120, 226, 255), 0.05, 0.05)
WOOL = _m((186, 180, 168), (255, 255, 255), 0.30, 0.012)
DARK = _m((40, 38, 38), (60, 48, 76), 0.15, 0.02)
SUN = _m((246, 232, 196), (255, 230, 40), 0.02, 0.10)
MOON = _m((206, 206, 196), (255, 250, 200), 0.14, 0.03)
CLOUD = _m((206, 210, 214), (255, 255, 255), 0.08, 0.06)
PETALS = (
    _m((166, 84, 104), (255, 70, 140), 0.1, 0.02),
    _m((178, 164, 88), (255, 240, 60), 0.1, 0.02),
    _m((124, 100, 150), (176, 96, 255), 0.1, 0.02),
)
STONE = _m((140, 138, 132), (232, 232, 240), 0.20, 0.02)
