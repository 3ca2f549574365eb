"""Animated pictures: the first frame, or all of them as pictures that stay together."""

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.images.albums import NOTHING_BANNED, album
from tests.images.pictures import drawn, encoded

from memegan.images.animation import chosen, with_frames
from memegan.images.candidates import Candidate, picture_id
from memegan.images.dedup import Decisions, dedup
from memegan.images.look import Read, whole
from memegan.images.params import DedupParams, ResizeParams
from memegan.images.resize import write_images
from memegan.manifest import ManifestParams, build
from memegan.media import MAX_FRAMES, MAX_PIXELS, count_frames, rgb

ALL = DedupParams(animation="all", max_quarantined=1)
SCENES = [drawn(seed, 96, 64) for seed in range(5)]
EXACT = {"WEBP": {"lossless": True}, "PNG": {}}


def animated(kind: str, pictures: list[np.ndarray], **options: object) -> bytes:
    first, *rest = [Image.fromarray(one) for one in pictures]
    return encoded(first, kind, save_all=True, append_images=rest, duration=80, **options)


def known(files: dict[str, bytes]) -> tuple[list[Candidate], Read]:
    """Candidates whose ids are those of their contents, as in the pipeline."""
    found, read = album(files)
    ids = [replace(one.row, id=picture_id(one.row.sha256, one.row.rect)) for one in found]
    return [replace(one, row=row) for one, row in zip(found, ids, strict=True)], read


def decided(files: dict[str, bytes], p: DedupParams, workers: int = 1) -> tuple[Decisions, Read]:
    found, read = known(files)
    return dedup(with_frames(found, read, p, workers), read, p, NOTHING_BANNED, workers), read


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_each_frame_is_decoded_by_its_number(kind: str) -> None:
    data = animated(kind, SCENES, **EXACT.get(kind, {}))
    assert count_frames(data) == len(SCENES)
    for n, scene in enumerate(SCENES):
        off = np.abs(rgb(data, frame=n).astype(int) - scene).mean()
        assert off == 0 if kind in EXACT else off < 8  # of 256 colours


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_still_picture_has_one_frame(kind: str) -> None:
    assert count_frames(encoded(SCENES[0], kind)) == 1


def test_pages_are_no_frames() -> None:
    assert count_frames(animated("TIFF", SCENES)) == 1


@given(st.integers(1, 3000), st.integers(1, 40))
def test_frames_are_evenly_spread_from_the_first(count: int, most: int) -> None:
    numbers = chosen(count, most)
    assert len(numbers) == min(count, most)
    assert numbers[0] == 0
    assert numbers[-1] < count
    steps = set(np.diff(numbers).tolist())
    assert not steps or max(steps) - min(steps) <= 1 <= min(steps)


def test_the_first_frame_alone_is_the_default_and_keeps_its_id() -> None:
    files = {"gif": animated("GIF", SCENES), "still": encoded(drawn(50, 96, 64))}
    first, _ = decided(files, DedupParams())
    assert [row.rect for row in first.kept] == ["", ""]
    every, _ = decided(files, ALL)
    assert {row.id for row in first.kept} < {row.id for row in every.kept}
    assert [row for row in every.kept if not row.rect] == first.kept


@pytest.mark.parametrize("workers", [1, 2])
def test_all_frames_are_pictures_that_name_their_number_and_repeats_are_dropped(
    workers: int,
) -> None:
    on_twos = [scene for scene in SCENES[:3] for _ in range(2)]
    webp = animated("WEBP", on_twos, lossless=True, kmin=1, kmax=1)  # repeats stay frames
    made, read = decided({"webp": webp}, ALL, workers)
    numbers = [int(row.extra.get("frame", "0")) for row in made.kept]
    assert len(made.kept) == 3
    for row, number in zip(made.kept, numbers, strict=True):
        assert np.array_equal(whole(row, read(row)), rgb(webp, frame=number))
        assert row.rect == (f"frame {number}" if number else "")
    assert len({row.id for row in made.kept}) == 3


def test_of_many_frames_so_many_are_taken() -> None:
    found, read = known({"gif": animated("GIF", [drawn(n, 32, 32) for n in range(12)])})
    some = with_frames(found, read, ALL.model_copy(update={"max_frames": 4}), 1)
    assert [one.row.rect for one in some] == ["", "frame 3", "frame 6", "frame 9"]
    assert [one.name for one in some[1:]] == [f"file:gif, frame {n}" for n in (3, 6, 9)]


def test_a_part_of_an_animation_is_of_its_first_frame() -> None:
    found, read = known({"gif": animated("GIF", SCENES)})
    part = [replace(found[0], row=replace(found[0].row, rect="0,0,40,40"))]
    assert with_frames(part, read, ALL, 1) == part


def test_what_is_broken_is_left_to_dedup() -> None:
    sound = animated("GIF", SCENES)
    files = {"none": b"", "cut": sound[: len(sound) * 3 // 5], "page": b"<html>"}
    made, _ = decided(files, ALL)
    reasons = {row.file: row.reason for row in made.quarantine if "frame" not in row.file}
    assert reasons["file:none"] == "empty"
    assert reasons["file:page"] == "not_media"
    assert len(made.kept) >= 1  # what lies before the cut


def test_a_picture_of_ten_thousand_frames_costs_no_more_than_a_large_one() -> None:
    tiny = [np.full((4, 4, 3), n % 2 * 255, np.uint8) for n in range(10_000)]
    assert count_frames(animated("GIF", tiny)) == MAX_FRAMES
    side = int((MAX_PIXELS / 2.5) ** 0.5)
    large = [np.full((side, side), value, np.uint8) for value in (0, 255, 0, 255)]
    assert count_frames(animated("GIF", large)) == 2


def test_a_lying_number_of_frames_is_not_believed() -> None:
    data = bytearray(animated("PNG", SCENES[:3]))
    at = data.index(b"acTL")
    told = b"acTL" + (2**31 - 1).to_bytes(4) + bytes(4)
    data[at : at + 16] = told + zlib.crc32(told).to_bytes(4)
    assert count_frames(bytes(data)) == 3
    assert np.array_equal(rgb(bytes(data), frame=2), SCENES[2])


def test_the_manifest_says_the_frame_and_keeps_a_file_on_one_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {
        str(k): animated("WEBP", [drawn(10 * k + n, 96, 64) for n in range(4)], lossless=True)
        for k in range(12)
    }
    made, read = decided(files, ALL)
    images = write_images(made.kept, read, ResizeParams(size_px=32), tmp_path / "packs", 1)
    p = ManifestParams(seed=2, val_share=0.3, test_share=0.3, group_by=(), min_rows=1)
    rows = build(images, made.duplicates, p).rows
    sides: dict[str, set[str]] = {}
    for row in rows:
        sides.setdefault(row.origin_sha256, set()).add(row.split)
    assert len(rows) == 48
    assert all(len(side) == 1 for side in sides.values())
    assert sorted({row.extra.get("frame", "0") for row in rows}) == ["0", "1", "2", "3"]
