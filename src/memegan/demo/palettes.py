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
    trees: tuple[str, ...]  # kinds that grow here
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
        trees=("tree", "pine"),
        sky=_m((142, 168, 202), (92, 190, 255), 0.04, 0.30),
        far=_m((124, 124, 124), (160, 128, 232), 0.12, 0.10),
        hill=_m((104, 116, 80), (112, 214, 118), 0.12, 0.06),
        ground=_m((134, 128, 112), (250, 208, 92), 0.14, 0.03),
        water=_m((104, 126, 138), (40, 140, 240), 0.06, 0.10),
        leaf=_m((70, 96, 54), (28, 178, 86), 0.20, 0.03),
        light=1.0,
        haze=0.3,
    ),
    Palette(
        "autumn",
        trees=("tree", "tree", "pine"),
        sky=_m((170, 172, 176), (178, 214, 250), 0.05, 0.35),
        far=_m((120, 114, 112), (172, 128, 214), 0.12, 0.10),
        hill=_m((140, 104, 62), (236, 164, 72), 0.12, 0.06),
        ground=_m((130, 118, 98), (246, 204, 100), 0.14, 0.03),
        water=_m((104, 108, 110), (70, 130, 214), 0.06, 0.10),
        leaf=_m((146, 84, 46), (232, 74, 48), 0.20, 0.03),
        light=0.97,
        haze=0.28,
    ),
    Palette(
        "winter",
        trees=("pine",),
        sky=_m((178, 188, 200), (192, 230, 255), 0.03, 0.35),
        far=_m((130, 132, 138), (150, 146, 236), 0.10, 0.10),
        hill=_m((188, 192, 198), (222, 236, 255), 0.06, 0.06),
        ground=_m((206, 208, 210), (248, 250, 255), 0.06, 0.03),
        water=_m((130, 148, 160), (122, 190, 244), 0.05, 0.10),
        leaf=_m((62, 78, 68), (20, 132, 112), 0.18, 0.03),
        light=1.03,
        haze=0.35,
    ),
    Palette(
        "desert evening",
        trees=("palm",),
        sky=_m((210, 160, 134), (255, 184, 144), 0.05, 0.35),
        far=_m((124, 104, 98), (166, 104, 204), 0.13, 0.10),
        hill=_m((164, 124, 94), (236, 160, 96), 0.12, 0.06),
        ground=_m((164, 146, 122), (255, 212, 116), 0.13, 0.03),
        water=_m((110, 122, 122), (40, 170, 200), 0.06, 0.10),
        leaf=_m((94, 98, 62), (96, 174, 64), 0.20, 0.03),
        light=1.0,
        haze=0.25,
    ),
    Palette(
        "night",
        trees=("tree", "pine"),
        sky=_m((46, 54, 84), (84, 96, 214), 0.06, 0.35),
        far=_m((44, 46, 58), (132, 100, 214), 0.14, 0.10),
        hill=_m((44, 56, 54), (64, 164, 158), 0.14, 0.06),
        ground=_m((62, 62, 58), (196, 206, 128), 0.14, 0.03),
        water=_m((38, 52, 78), (40, 112, 226), 0.08, 0.10),
        leaf=_m((30, 44, 36), (24, 134, 106), 0.20, 0.03),
        light=0.95,
        haze=0.15,
    ),
    Palette(
        "tropics",
        trees=("palm", "palm", "tree"),
        sky=_m((140, 186, 196), (112, 222, 250), 0.04, 0.30),
        far=_m((108, 118, 116), (132, 136, 226), 0.13, 0.10),
        hill=_m((86, 112, 66), (130, 220, 84), 0.13, 0.06),
        ground=_m((178, 168, 142), (255, 226, 132), 0.12, 0.03),
        water=_m((94, 140, 142), (24, 190, 214), 0.06, 0.10),
        leaf=_m((70, 106, 48), (62, 196, 56), 0.20, 0.03),
        light=1.05,
        haze=0.28,
    ),
    Palette(
        "stormy moor",
        trees=("tree", "pine"),
        sky=_m((112, 116, 128), (152, 184, 238), 0.08, 0.25),
        far=_m((84, 86, 92), (146, 118, 210), 0.14, 0.10),
        hill=_m((92, 98, 76), (142, 194, 112), 0.14, 0.06),
        ground=_m((112, 104, 94), (238, 202, 108), 0.15, 0.03),
        water=_m((78, 88, 98), (74, 104, 176), 0.08, 0.10),
        leaf=_m((62, 74, 52), (60, 132, 80), 0.20, 0.03),
        light=0.98,
        haze=0.35,
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
