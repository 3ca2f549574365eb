"""A folder of odd files meets its fate: what is sound is kept, upright; the rest is set aside."""

import csv
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.images.pictures import drawn, encoded, png_header

from memegan.__main__ import main
from memegan.images.look import whole
from memegan.packs import read_place
from memegan.records import DuplicateRow, KeptRow, QuarantineRow
from memegan.tables import read_table

REAL = os.environ.get("MEMEGAN_REAL_DATA", "")
UPRIGHT = drawn(1, 120, 80)
LAX = ("--min-size-px", "1", "--min-contrast", "0", "--min-shown", "0")
STORED = {  # Exif 2.3, tag 274: the pixels of a file that is upright once it is turned
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.swapaxes(0, 1),
    6: UPRIGHT.swapaxes(0, 1)[::-1],
    7: UPRIGHT[::-1, ::-1].swapaxes(0, 1),
    8: UPRIGHT.swapaxes(0, 1)[:, ::-1],
}


def turned(number: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = number
    return encoded(np.ascontiguousarray(STORED[number]), exif=exif)


def moving(seed: int, kind: str, **options: object) -> bytes:
    first, *rest = [Image.fromarray(drawn(seed + n, 64, 64)) for n in range(3)]
    return encoded(first, kind, save_all=True, append_images=rest, **options)


def sound() -> dict[str, bytes]:
    """Files that are pictures, each of another one, but for the turned ones and `upright`."""
    clear = [np.dstack([drawn(n, 64, 48), np.full((48, 64), 120, np.uint8)]) for n in (20, 34, 35)]
    deep = [(drawn(n, 64, 48)[..., 0].astype(np.uint16) * 257) ^ 0x0F for n in (21, 37)]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    palettes = [Image.fromarray(drawn(n, 64, 48)).convert("P") for n in (22, 38)]
    return {
        "upright.png": encoded(UPRIGHT),
        **{f"turned_{number}.png": turned(number) for number in STORED},
        "cmyk.jpg": encoded(Image.fromarray(drawn(23, 64, 48)).convert("CMYK"), "JPEG"),
        "gray.jpg": encoded(drawn(24, 64, 48)[..., 0], "JPEG"),
        "16_bit.png": encoded(deep[0]),
        "16_bit.tif": encoded(deep[1], "TIFF"),
        "palette.png": encoded(palettes[0]),
        "palette_clear.gif": encoded(palettes[1], "GIF", transparency=3),
        "alpha.png": encoded(clear[0]),
        "alpha.webp": encoded(clear[1], "WEBP", lossless=True),
        "gray_alpha.png": encoded(Image.fromarray(clear[2]).convert("LA")),
        "profile.jpg": encoded(drawn(36, 64, 48), "JPEG", icc_profile=profile),
        "no_profile.png": encoded(drawn(25, 64, 48), icc_profile=b"no profile"),
        "black_white.tif": encoded(Image.fromarray(drawn(26, 64, 48)).convert("1"), "TIFF"),
        "moving.gif": moving(40, "GIF"),
        "moving.png": moving(50, "PNG"),
        "moving.webp": moving(60, "WEBP", lossless=True),
        "pages.tif": moving(70, "TIFF"),
        "really_a.jpg": encoded(drawn(27, 64, 48), "GIF"),
        "tiny.png": encoded(drawn(28, 8, 8)[:4, :4].copy()),
        "zip_behind.png": encoded(drawn(29, 64, 48)) + b"PK\3\4 a hidden archive",
    }


def broken() -> dict[str, tuple[bytes, str]]:
    """Files that are none, with the reason that is told."""
    jpeg, png = encoded(drawn(30, 64, 48), "JPEG"), encoded(drawn(31, 64, 48))
    gif, webp = encoded(drawn(32, 64, 48), "GIF"), encoded(drawn(33, 64, 48), "WEBP")
    stirred = bytearray(png)
    stirred[len(png) // 2] ^= 255
    return {
        "cut.jpg": (jpeg[: len(jpeg) // 2], "truncated"),
        "cut.png": (png[: len(png) // 2], "truncated"),
        "cut.gif": (gif[: len(gif) // 2], "truncated"),
        "cut.webp": (webp[: len(webp) // 2], "truncated"),
        "stirred.png": (bytes(stirred), "truncated"),
        "header.png": (png[:20], "truncated"),
        "bomb.png": (png_header(30_000, 30_000), "too_many_pixels"),
        "long.png": (png_header(20_000, 1), "too_many_pixels"),
        "page.jpg": (b"<!doctype html><p>gone</p>", "not_media"),
        "drawing.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_media"),
        "document.png": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "not_media"),
        "nothing.png": (b"", "empty"),
    }


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def deduped(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, str]:
    """Run `memegan dedup`; return the reason of each file that is set aside, by its name."""
    monkeypatch.setattr(
        sys, "argv", ["memegan", "dedup", folder.as_posix(), "--out", "o", *LAX, *words]
    )
    assert main() == 0
    bad = read_table(Path("o/quarantine.csv"), QuarantineRow)
    return {Path(row.file).name: row.reason for row in bad}


def listed() -> set[str]:
    """The names of the files of which a picture was kept, or is a copy of one that was."""
    gone = {row.url for row in read_table(Path("o/duplicates.csv"), DuplicateRow)}
    return {Path(url).name for url in gone | {row.url for row in kept_rows()}}


def kept_rows() -> list[KeptRow]:
    return read_table(Path("o/kept.csv"), KeptRow)


@pytest.mark.parametrize("animation", ["first", "all"])
def test_every_odd_file_meets_its_fate(monkeypatch: pytest.MonkeyPatch, animation: str) -> None:
    good, bad = sound(), broken()
    Path("odd").mkdir()
    for name, data in (good | {name: data for name, (data, _) in bad.items()}).items():
        Path("odd", name).write_bytes(data)
    told = deduped(Path("odd"), monkeypatch, "--animation", animation)
    assert told == {name: reason for name, (_, reason) in bad.items()}
    assert listed() == set(good)
    rows = {Path(row.url).name: row for row in kept_rows() if not row.rect}
    same = {name for name in good if name.startswith(("turned", "upright"))}
    assert len(same & set(rows)) == 1  # all eight are one picture, turned upright
    assert set(rows) == set(good) - same | same & set(rows)
    (one,) = same & set(rows)
    assert np.array_equal(whole(rows[one], read_place(rows[one])), UPRIGHT)
    frames = sorted(row.url.rpartition("/")[2] for row in kept_rows() if row.rect)
    each = [name for name in ("moving.gif", "moving.png", "moving.webp") for _ in range(2)]
    assert frames == (each if animation == "all" else [])


@pytest.mark.skipif(not REAL, reason="MEMEGAN_REAL_DATA names no folder of real files")
def test_every_odd_real_file_meets_its_fate_frame_by_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = Path(REAL, "odd_images")
    told = deduped(odd, monkeypatch, "--animation", "all", "--max-frames", "6")
    with Path(odd, "expected.csv").open(encoding="utf-8", newline="") as file:
        expected = {row["file"]: row["expected"] for row in csv.DictReader(file)}
    assert {name for name, what in expected.items() if what == "quarantine"} <= set(told)
    assert not {name for name, what in expected.items() if what == "ok"} & set(told)
    assert {name for name, what in expected.items() if what == "ok"} <= listed()
    frames = [row for row in kept_rows() if row.rect]
    assert len(frames) >= 10
    assert not [name for name in told if ", frame" in name and expected[name.split(",")[0]] == "ok"]
