"""Screenshots of editors are set aside; what has lines, words or frames besides is kept."""

import cv2
import numpy as np
import pytest
from tests.images.albums import decide, kept
from tests.images.pictures import captioned, drawn, encoded, window

from memegan.images.editors import bars, dividing
from memegan.images.params import DedupParams

LAX = DedupParams(max_quarantined=1)


def framed(picture: np.ndarray) -> np.ndarray:
    """Lay nested frames of one colour around a picture."""
    for level in (255, 0, 200):
        picture = np.pad(picture, ((16, 16), (16, 16), (0, 0)), constant_values=level)
    return picture


def comic() -> np.ndarray:
    """Draw four panels with black borders, each with words in it."""
    page = np.full((640, 640, 3), 255, np.uint8)
    for n, word in enumerate(("what", "is", "it", "now")):
        top, left = 20 + 310 * (n // 2), 20 + 310 * (n % 2)
        page[top : top + 290, left : left + 290] = drawn(n, 290, 290)
        cv2.rectangle(page, (left, top), (left + 290, top + 290), (0, 0, 0), 3)
        cv2.putText(page, word, (left + 20, top + 40), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 0), 2)
    return page


def flag() -> np.ndarray:
    """Draw stripes: dividing lines with nothing between them."""
    stripes = np.array([[[200, 30, 30]], [[250, 250, 250]]] * 6, np.uint8)
    return stripes.repeat(40, 0).repeat(600, 1)


@pytest.mark.parametrize(
    "file", [("PNG", {}), ("JPEG", {"quality": 90}), ("JPEG", {"quality": 60})]
)
@pytest.mark.parametrize("size", [(800, 600), (1600, 1200)])
def test_a_screenshot_of_an_editor_is_set_aside(
    size: tuple[int, int], file: tuple[str, dict[str, int]]
) -> None:
    shot = cv2.resize(window(drawn(3, 480, 320)), size, interpolation=cv2.INTER_AREA)
    picture = drawn(3, 480, 320)
    kind, options = file
    made = decide({"shot": encoded(shot, kind, **options), "picture": encoded(picture)}, LAX)
    assert [(row.file, row.reason) for row in made.quarantine] == [("file:shot", "editor")]
    assert "bars with tools" in made.quarantine[0].detail
    assert kept(made) == ["picture"]
    both = decide({"shot": encoded(shot, kind, **options)}, DedupParams(editor_bars=0))
    assert kept(both) == ["shot"]


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(captioned(drawn(1, 640, 480), "when it is a line of text"), id="meme"),
        pytest.param(framed(drawn(2, 500, 400)), id="frames"),
        pytest.param(comic(), id="comic"),
        pytest.param(flag(), id="flag"),
    ],
)
def test_what_only_looks_like_bars_is_kept(picture: np.ndarray) -> None:
    assert kept(decide({"picture": encoded(picture)}, LAX)) == ["picture"]


def test_a_line_divides_where_both_sides_are_even_over_two_fifths() -> None:
    page = np.full((100, 200), 200, np.uint8)
    page[30:] = 180
    page[60:, :70] = 90  # a third of the width
    assert dividing(page).tolist() == [29]
    page[30:] += np.random.default_rng(0).integers(0, 30, (70, 200), np.uint8)  # a photograph
    assert dividing(page).tolist() == []


def test_a_bar_has_signs_on_even_ground() -> None:
    page = np.full((400, 600), 128, np.uint8)
    page[:40] = 220
    assert bars(page) == 0
    for n in range(5):
        page[12:28, 20 + 40 * n : 36 + 40 * n] = 30
    assert bars(page) == 1
