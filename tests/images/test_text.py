"""Letters are found by their shapes: how high they are, how much of the picture they cover."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from tests.images.albums import album
from tests.images.pictures import drawn, encoded

from memegan.errors import DataError
from memegan.images.params import ResizeParams
from memegan.images.text import find_text, measure
from memegan.records import TextRow

INK = {"outlined": ("white", "black"), "dark": ("black", "white"), "light": ("white", "black")}


def meme(seed: int, kind: str, share: float, size: tuple[int, int] = (480, 320)) -> np.ndarray:
    """A picture with a caption whose capitals are `share` of its height."""
    image = Image.fromarray(drawn(seed, *size))
    draw, high = ImageDraw.Draw(image), size[1] * share
    font = ImageFont.load_default(size=high / 0.72)  # capitals are .72 of this font's size
    ink, ground = INK[kind]
    if kind == "outlined":
        edge = max(1, round(high * 0.08))
        draw.text((20, 20), "MONDAY AGAIN", ink, font, stroke_width=edge, stroke_fill=ground)
    else:
        draw.rectangle((0, 0, size[0], 40 + high * 1.4), fill=ground)
        draw.text((20, 20), "MONDAY AGAIN", ink, font)
    return np.asarray(image)


@pytest.mark.parametrize("share", [0.045, 0.07, 0.1])
@pytest.mark.parametrize("kind", INK)
def test_the_height_of_capitals_is_found_in_both_polarities(kind: str, share: float) -> None:
    heights = [find_text(meme(seed, kind, share)).height for seed in range(4)]
    assert heights == pytest.approx([share] * 4, rel=0.25)


def test_a_longer_text_covers_more_and_a_box_is_as_large_as_its_letters() -> None:
    one = find_text(meme(1, "dark", 0.07))
    large = find_text(meme(1, "dark", 0.1))
    assert one.lines >= 1
    assert one.area < large.area < 0.15


@given(st.integers(0, 255), st.integers(0, 255))
def test_no_text_is_found_where_there_is_one_edge(a: int, b: int) -> None:
    picture = np.full((120, 160, 3), a, np.uint8)
    picture[:, 80:] = b
    assert find_text(picture).lines == 0


def test_smooth_pictures_hold_no_text() -> None:
    assert sum(find_text(drawn(seed, 320, 240)).lines for seed in range(20)) <= 1


def rows(files: dict[str, bytes], p: ResizeParams, workers: int = 1) -> list[TextRow]:
    found, read = album(files)
    sized = [replace(c.row, template=c.row.id, width_px=480, height_px=320) for c in found]
    return measure(sized, read, p, workers)


@pytest.mark.parametrize(
    ("fit", "scale"), [("crop", 64 / 320), ("letterbox", 64 / 480), ("stretch", 64 / 320)]
)
def test_a_row_tells_the_height_after_scaling_and_the_size_that_keeps_it(
    fit: str, scale: float
) -> None:
    p = ResizeParams.model_validate({"size_px": 64, "fit": fit})
    (row,) = rows({"a": encoded(meme(2, "outlined", 0.1))}, p)
    assert row.text_px == pytest.approx(32 * scale, rel=0.25)
    again = p.model_copy(update={"size_px": row.needs_px})
    (larger,) = rows({"a": encoded(meme(2, "outlined", 0.1))}, again)
    assert 8 <= larger.text_px < 9


def test_workers_change_no_row_and_a_picture_without_text_needs_no_size() -> None:
    files = {f"{n}": encoded(meme(n, "dark", 0.08), "JPEG") for n in range(4)}
    files["none"] = encoded(np.full((50, 50, 3), 9, np.uint8))
    one = rows(files, ResizeParams())
    assert one == rows(files, ResizeParams(), workers=3)
    assert [row.id for row in one] == sorted(files)
    (none,) = (row for row in one if row.id == "none")
    assert (none.lines, none.text_share, none.text_px, none.needs_px) == (0, 0, 0, 0)


def test_a_picture_that_is_damaged_now_stops_with_its_place() -> None:
    with pytest.raises(DataError, match=r"a kept picture cannot be read(.|\n)*dvc checkout"):
        rows({"a": encoded(drawn(1))[:700]}, ResizeParams())
