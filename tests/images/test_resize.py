"""Stored pictures: their sizes, antialiasing, colours, and the same bytes each time."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.images.albums import album
from tests.images.pictures import drawn, encoded

from memegan.errors import DataError
from memegan.images.params import ResizeParams
from memegan.images.resize import encode, fit, short_side, stored_height, write_images
from memegan.images.scale import Filter, scaled, scaled_in_linear_light
from memegan.images.smart import square_of_most_detail
from memegan.packs import read_place
from memegan.records import ImageRow

FITS = ("crop", "smart", "letterbox", "stretch", "keep")
FILTERS = ("area", "lanczos")
SIDES = st.integers(1, 200)


def params(**values: object) -> ResizeParams:
    return ResizeParams.model_validate({"size_px": 16, **values})


def stored(files: dict[str, bytes], out: Path, p: ResizeParams, workers: int = 1) -> list[ImageRow]:
    found, read = album(files)
    rows = [replace(c.row, template=c.row.id) for c in found]
    return write_images(rows, read, p, out / "packs", workers)


def pixels(row: ImageRow) -> np.ndarray:
    with Image.open(BytesIO(read_place(row))) as image:
        return np.asarray(image)


@given(SIDES, SIDES, st.sampled_from(FITS), st.sampled_from(FILTERS))
def test_every_fit_gives_its_size(width: int, height: int, how: str, kind: str) -> None:
    out = fit(np.zeros((height, width, 3), np.uint8), params(fit=how, filter=kind))
    assert out.dtype == np.uint8
    assert out.shape[2] == 3
    if how == "keep":
        assert min(out.shape[:2]) == 16
        assert abs(max(out.shape[:2]) - 16 * max(width, height) / min(width, height)) <= 0.5
    else:
        assert out.shape[:2] == (16, 16)


def thirds(width: int, height: int) -> np.ndarray:
    """Red on the left third, green in the middle, blue on the right; black where y is low."""
    out = np.zeros((height, width, 3), np.uint8)
    for channel in range(3):
        out[height // 4 :, channel * width // 3 : (channel + 1) * width // 3, channel] = 255
    return out


def test_a_crop_is_the_middle_square() -> None:
    out = fit(thirds(96, 32), params(fit="crop"))
    assert out[8, :].argmax(-1).tolist() == [1] * 16
    tall = fit(thirds(96, 32).swapaxes(0, 1).copy(), params(fit="crop"))
    assert tall[:, 8].argmax(-1).tolist() == [1] * 16


def test_a_letterbox_is_the_whole_between_bars_of_its_colour() -> None:
    out = fit(np.full((32, 64, 3), 200, np.uint8), params(fit="letterbox", pad=(1, 2, 3)))
    assert (out[:4] == (1, 2, 3)).all()
    assert (out[12:] == (1, 2, 3)).all()
    assert (out[4:12] == 200).all()


def test_a_stretch_is_the_whole_out_of_shape() -> None:
    out = fit(thirds(96, 48), params(size_px=18, fit="stretch"))
    assert out[10].argmax(-1).tolist() == [0] * 6 + [1] * 6 + [2] * 6


@given(st.integers(0, 240), st.booleans())
def test_a_smart_square_holds_what_is_drawn_wherever_it_lies(at: int, is_tall: bool) -> None:
    picture = np.full((60, 300, 3), 240, np.uint8)
    picture[10:50, at : at + 60] = drawn(3, 60, 40)
    turned = picture.swapaxes(0, 1).copy() if is_tall else picture
    top, left = square_of_most_detail(turned)
    assert abs((top if is_tall else left) - at) <= 8
    assert (left if is_tall else top) == 0


def test_a_smart_square_of_nothing_is_the_middle_and_a_square_is_left_whole() -> None:
    assert square_of_most_detail(np.full((50, 150, 3), 7, np.uint8)) == (0, 50)
    assert square_of_most_detail(drawn(1, 90, 90)) == (0, 0)


@pytest.mark.parametrize("kind", FILTERS)
def test_linear_light_makes_the_mean_of_black_and_white_188(kind: Filter) -> None:
    """Half the light of white is sRGB 188 (IEC 61966-2-1); half the value would be 128."""
    board = np.indices((64, 64)).sum(0) % 2 * np.uint8(255)
    out = scaled_in_linear_light(np.stack([board] * 3, -1).astype(np.uint8), 16, 16, kind)
    assert np.abs(out[2:-2, 2:-2].astype(int) - 188).max() <= 1


@given(st.integers(0, 255))
def test_linear_light_leaves_every_flat_value_as_it_is(value: int) -> None:
    flat = np.full((12, 8, 3), value, np.uint8)
    assert (fit(flat, params(size_px=16, fit="stretch", light="linear")) == value).all()


@given(SIDES, SIDES, st.sampled_from(FITS))
def test_the_scale_that_is_told_is_the_scale_of_the_stored_picture(
    width: int, height: int, how: str
) -> None:
    p = params(fit=how)
    told = short_side(width, height, p)
    high = stored_height(width, height, p)
    if how in ("crop", "smart", "keep"):
        assert told == 16
        assert high == pytest.approx(16 * height / min(width, height))
    elif how == "stretch":
        assert (told, high) == (16, 16)
    else:
        assert told == max(1, round(16 * min(width, height) / max(width, height)))
        assert high == pytest.approx(16 * height / max(width, height))


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("how", FITS)
def test_a_fine_checkerboard_becomes_gray_and_no_pattern(kind: str, how: str) -> None:
    """By nearest neighbour or plain bilinear steps it would be black, white or moiré."""
    board = np.indices((250, 250)).sum(0) % 2 * np.uint8(255)
    out = fit(np.stack([board] * 3, -1).astype(np.uint8), params(size_px=48, fit=how, filter=kind))
    assert np.abs(out.astype(int) - 127).max() <= 12
    assert out.mean() == pytest.approx(127.5, abs=1)


@given(st.integers(0, 20), st.integers(1, 6), st.sampled_from(FILTERS))
def test_one_colour_stays_that_colour(seed: int, share: int, kind: str) -> None:
    colour = drawn(seed, 4, 4)[0, 0]
    flat = np.broadcast_to(colour, (16 * share, 20 * share, 3)).astype(np.uint8)
    assert (fit(flat, params(filter=kind)) == colour).all()


def test_whole_number_shrinking_is_the_mean_of_the_pixels() -> None:
    picture = drawn(1, 64, 64)
    means = picture.reshape(16, 4, 16, 4, 3).mean((1, 3))
    assert np.abs(scaled(picture, 16, 16, "area") - means).max() <= 0.51


def test_a_small_picture_is_enlarged_and_one_of_the_size_is_left_as_it_is() -> None:
    ramp = np.linspace(20, 230, 16).round().astype(np.uint8)
    small = np.broadcast_to(ramp[None, :, None], (16, 16, 3)).astype(np.uint8)
    big = fit(small, params(size_px=64))
    assert np.abs(scaled(big, 16, 16, "area")[:, 2:-2].astype(int) - small[:, 2:-2]).max() <= 1
    same = drawn(2, 16, 16)
    assert np.array_equal(fit(same, params()), same)


def test_stored_pictures_are_upright_on_white_and_in_8_bits(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned to the right: what is stored on the left is seen above
    half = np.zeros((64, 64, 3), np.uint8)
    half[:, :32] = 255
    clear = np.dstack([half, np.zeros((64, 64), np.uint8)])
    files = {
        "cmyk": encoded(Image.new("CMYK", (64, 64), (0, 0, 0, 255)), "JPEG"),
        "deep": encoded(np.full((64, 64), 65_535, np.uint16)),
        "few": encoded(Image.fromarray(half).convert("P")),
        "see": encoded(clear),
        "turned": encoded(half, exif=exif),
    }
    seen = {row.id: pixels(row) for row in stored(files, tmp_path, params())}
    assert {p.shape for p in seen.values()} == {(16, 16, 3)}
    assert seen["cmyk"].max() <= 3
    assert (seen["deep"] == 255).all()
    assert (seen["see"] == 255).all()
    assert (seen["few"][:, :8].min(), seen["few"][:, 8:].max()) == (255, 0)
    assert (seen["turned"][:8].min(), seen["turned"][8:].max()) == (255, 0)


def test_a_large_jpeg_read_at_a_smaller_scale_gives_nearly_the_same(tmp_path: Path) -> None:
    data = encoded(drawn(4, 640, 480), "JPEG", quality=95)
    with Image.open(BytesIO(data)) as image:
        whole = fit(np.asarray(image), params())
    (row,) = stored({"a": data}, tmp_path, params())
    assert np.abs(pixels(row).astype(int) - whole).mean() < 1


@pytest.mark.parametrize("how", FITS)
def test_a_jpeg_of_known_size_is_read_at_twice_its_stored_scale_or_more(
    how: str, tmp_path: Path
) -> None:
    data = encoded(drawn(5, 960, 320), "JPEG", quality=95)
    with Image.open(BytesIO(data)) as image:
        whole = fit(np.asarray(image), params(fit=how))
    found, read = album({"a": data})
    row = replace(found[0].row, width_px=960, height_px=320, template="a")
    (made,) = write_images([row], read, params(fit=how), tmp_path / "packs", 1)
    assert np.abs(pixels(made).astype(int) - whole).mean() < 1.5


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_nothing_is_lost_and_no_note_is_kept_in_a_stored_file(kind: str) -> None:
    picture = drawn(3, 40, 30)
    with Image.open(BytesIO(encode(picture, kind))) as image:
        assert np.array_equal(np.asarray(image), picture)
        assert not {"exif", "xmp", "icc_profile", "comment", "dpi"} & set(image.info)
        assert dict(image.getexif()) == {}


def packs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "packs").iterdir()}


def test_order_and_workers_change_no_byte(tmp_path: Path) -> None:
    files = {f"{n}": encoded(drawn(n, 50, 40)) for n in range(12)}
    one = stored(files, tmp_path / "one", params())
    other = stored(dict(reversed(files.items())), tmp_path / "other", params(), workers=4)
    assert [replace(r, pack="") for r in one] == [replace(r, pack="") for r in other]
    assert packs(tmp_path / "one") == packs(tmp_path / "other")
    assert [row.id for row in one] == sorted(files)


def test_a_row_says_where_it_came_from_and_what_it_is_now(tmp_path: Path) -> None:
    data = encoded(drawn(1, 50, 40))
    found, _ = album({"a": data})
    (row,) = stored({"a": data}, tmp_path, params(fit="keep"))
    assert (row.width_px, row.height_px) == (20, 16)
    assert (row.id, row.template, row.url, row.post_id) == ("a", "a", "file:a", "test:cats:a")
    assert row.origin_sha256 == found[0].row.sha256
    assert row.member == f"{row.sha256}.png"
    assert pixels(row).shape == (16, 20, 3)


def test_what_becomes_equal_is_stored_once_and_listed_twice(tmp_path: Path) -> None:
    files = {n: encoded(np.full((s, s, 3), 9, np.uint8)) for n, s in (("a", 32), ("b", 48))}
    one, other = stored(files, tmp_path, params())
    assert (one.pack, one.member, one.offset) == (other.pack, other.member, other.offset)
    assert (one.id, other.id) == ("a", "b")


def test_a_part_is_cut_out_before_it_is_resized(tmp_path: Path) -> None:
    found, read = album({"a": encoded(thirds(96, 32))})
    row = replace(found[0].row, rect="64,8,96,32")
    (made,) = write_images([row], read, params(), tmp_path / "packs", 1)
    assert (pixels(made) == (0, 0, 255)).all()


def test_a_kept_picture_that_cannot_be_read_any_more_stops_and_leaves_no_pack(
    tmp_path: Path,
) -> None:
    files = {"a": encoded(drawn(1)), "b": encoded(drawn(2))[:700]}
    with pytest.raises(DataError, match=r"a kept picture cannot be read(.|\n)*dvc checkout"):
        stored(files, tmp_path, params())
    assert not list(tmp_path.rglob("*.tar*"))
