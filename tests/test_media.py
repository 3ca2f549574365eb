"""Bytes become upright sRGB on white, or a reason; nothing else may come of them."""

from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from tests.images.pictures import drawn, encoded, png_header

from memegan.media import BadMedia, Header, header, rgb, sniff

PIXELS = drawn(1, 48, 32)
KINDS = ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"]


def oriented(number: int, kind: str, pixels: np.ndarray = PIXELS) -> bytes:
    """A file that is upright once its EXIF orientation is applied."""
    stored = {  # Exif 2.3, tag 274: where the 0th row and the 0th column are seen
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: p.swapaxes(0, 1)[::-1],
        7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
        8: lambda p: p.swapaxes(0, 1)[:, ::-1],
    }[number](pixels)
    exif = Image.Exif()
    exif[0x0112] = number
    more = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    return encoded(np.ascontiguousarray(stored), kind, exif=exif, **more)


def reason(data: bytes) -> str:
    with pytest.raises(BadMedia) as caught:
        rgb(data)
    return caught.value.reason


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("number", range(1, 9))
def test_each_exif_orientation_is_turned_upright(number: int, kind: str) -> None:
    data = oriented(number, kind)
    about = header(data)
    assert (about.width_px, about.height_px) == (48, 32)
    off = np.abs(rgb(data).astype(int) - PIXELS)
    assert off.max() <= (0 if kind == "PNG" else 12)
    with Image.open(BytesIO(data)) as stored:
        assert stored.size == ((48, 32) if number < 5 else (32, 48))


@pytest.mark.parametrize("number", [0, 9, 65535])
def test_an_orientation_that_is_none_turns_nothing(number: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = number
    data = encoded(PIXELS, exif=exif)
    assert np.array_equal(rgb(data), PIXELS)
    assert header(data).width_px == 48


@pytest.mark.parametrize("kind", KINDS)
def test_the_type_is_read_off_the_bytes_and_the_header_tells_the_size(kind: str) -> None:
    data = encoded(PIXELS, kind)
    assert header(data) == Header(f"image/{kind.lower()}", 48, 32, 1)
    assert rgb(data).shape == (32, 48, 3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_many_frames_the_first_is_taken(kind: str) -> None:
    frames = [Image.fromarray(np.full((8, 8, 3), value, np.uint8)) for value in (250, 0, 99)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert header(data).frames == 3
    assert rgb(data).mean() == pytest.approx(250, abs=1)


@given(st.binary(max_size=64))
@example(b"\x1aE\xdf\xa3")
@example(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
@example(b"<!doctype html>")
def test_bytes_that_are_no_picture_have_a_reason(data: bytes) -> None:
    if not data:
        assert reason(data) == "empty"
    elif not sniff(data).startswith("image/"):
        assert reason(data) == "not_media"
    else:
        assert reason(data) == "truncated"


SEEDS = [
    *(encoded(PIXELS, kind) for kind in KINDS),
    *(oriented(6, kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")),
    encoded(PIXELS, "TIFF", compression="tiff_lzw"),
    encoded(Image.fromarray(PIXELS).convert("P")),
    encoded(Image.fromarray(PIXELS).convert("CMYK"), "JPEG"),
    encoded(
        PIXELS,
        "JPEG",
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ),
]


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=4))
def test_damage_anywhere_gives_pixels_or_a_reason(
    data: bytes, changes: list[tuple[int, int]]
) -> None:
    damaged = bytearray(data)
    for at, value in changes:
        damaged[at % len(data)] = value
    for read in (header, rgb, lambda given: rgb(given, at_least_px=8)):
        with suppress(BadMedia):
            got = read(bytes(damaged))
            assert isinstance(got, Header) or (got.dtype == np.uint8 and got.shape[2] == 3)


@pytest.mark.parametrize("data", [SEEDS[0], SEEDS[1], SEEDS[2], SEEDS[4]], ids=[*KINDS[:3], "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_whose_end_is_missing_is_truncated(data: bytes, share: float) -> None:
    assert reason(data[: round(len(data) * share)]) == "truncated"


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (8001, 8000), (16_385, 1)])
def test_a_declared_size_above_the_limits_is_refused_before_a_pixel_is_made(
    width: int, height: int
) -> None:
    data = png_header(width, height)
    assert reason(data) == "too_many_pixels"
    with pytest.raises(BadMedia, match=f"{width}x{height} px|limit of .* pixels"):
        header(data)


def test_a_declared_size_at_the_limits_is_read() -> None:
    assert header(png_header(8000, 8000)).width_px == 8000
    assert header(png_header(16_384, 1)).width_px == 16_384


def test_a_jpeg_decoded_smaller_keeps_twice_the_side_that_is_asked_for() -> None:
    data = encoded(drawn(2, 640, 400), "JPEG", quality=95)
    full, small = rgb(data), rgb(data, at_least_px=40)
    assert small.shape == (100, 160, 3)  # a quarter; an eighth would be 50 rows for 2 x 40
    means = full.reshape(100, 4, 160, 4, 3).mean((1, 3))
    assert np.abs(means - small).mean() < 1
    assert rgb(data, at_least_px=300).shape == full.shape


def test_see_through_lies_on_white() -> None:
    pixels = np.dstack([np.zeros((4, 5, 3), np.uint8), np.full((4, 5), 255, np.uint8)])
    pixels[0, :, 3], pixels[1, :, 3] = 0, 128
    assert rgb(encoded(pixels))[:3, 0, 0].tolist() == [255, 127, 0]
    gray = Image.fromarray(pixels).convert("LA")
    assert rgb(encoded(gray))[:3, 0, 0].tolist() == [255, 127, 0]


def test_a_palette_with_a_see_through_colour_lies_on_white() -> None:
    image = Image.new("P", (3, 2), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((0, 0), 1)
    data = encoded(image, transparency=1)
    assert rgb(data)[0].tolist() == [[255] * 3, [10, 20, 30], [10, 20, 30]]


def test_sixteen_bits_become_eight_with_white_at_white() -> None:
    values = np.array([[0, 257, 128, 129, 32_896, 65_535]], np.uint16)
    assert rgb(encoded(values))[0, :, 0].tolist() == [0, 1, 0, 1, 128, 255]


def test_cmyk_and_gray_and_two_colours_become_rgb() -> None:
    cmyk = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100)
    assert np.abs(rgb(cmyk)[0, 0].astype(int) - (255, 0, 0)).max() <= 3
    assert rgb(encoded(np.full((2, 2), 77, np.uint8)))[0, 0].tolist() == [77] * 3
    assert rgb(encoded(Image.new("1", (2, 2), 1)))[0, 0].tolist() == [255] * 3


def test_a_profile_is_turned_into_srgb_and_a_broken_one_is_left_out() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(rgb(encoded(PIXELS, icc_profile=srgb)).astype(int) - PIXELS).max() <= 1
    wide = srgb.replace(b"rXYZ", b"tmpX").replace(b"bXYZ", b"rXYZ").replace(b"tmpX", b"bXYZ")
    swapped = rgb(encoded(np.full((2, 2, 3), (200, 0, 0), np.uint8), icc_profile=wide))
    assert swapped[0, 0].argmax() == 2  # the profile calls the first channel blue
    assert np.array_equal(rgb(encoded(PIXELS, icc_profile=b"no profile")), PIXELS)


def test_bytes_after_the_end_do_not_matter() -> None:
    assert np.array_equal(rgb(encoded(PIXELS) + b"PK\3\4 a hidden archive"), PIXELS)
    jpeg = encoded(PIXELS, "JPEG")
    assert np.array_equal(rgb(jpeg + b"PK\3\4 a hidden archive"), rgb(jpeg))
