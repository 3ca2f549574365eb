"""Batches: a pure function of the images seen; every image once an epoch; rows chosen as told."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from memegan.dataset import Batch, Choice, Images, read_image
from memegan.errors import DataError
from memegan.packs import member_name, write_series
from memegan.records import Row, Split

COUNTS = st.integers(1, 9)
SEEDS = st.integers(0, 10**6)
SEEN = st.integers(0, 500)

CELLS: dict[str, Any] = dict.fromkeys(Row.__dataclass_fields__, "") | {
    **{"pack": "p.tar", "member": "m", "offset": 0, "bytes": 1, "width_px": 8, "height_px": 8},
    **{"domain": "photo", "split": "train", "time_s": None, "shot": None, "extra": {}},
}
PLAIN = Row(**CELLS)


def numbered(count: int, side: int = 2) -> Tensor:
    """Pictures of one colour each, their number."""
    return torch.arange(count, dtype=torch.uint8)[:, None, None, None].repeat(1, 3, side, side)


def ids(images: Tensor) -> list[int]:
    return ((images[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def shown(
    images: Images, start: int, end: int, batch: int, seed: int, name: str = "a"
) -> list[int]:
    """The numbers of the images that batches from `start` to `end` show."""
    return [
        n
        for seen in range(start, end, batch)
        for n in ids(images.batch(seen, batch, seed, 2, True).images[name])
    ]


# Order -------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(COUNTS, COUNTS, SEEDS)
def test_every_epoch_shows_every_image_once(count: int, batch: int, seed: int) -> None:
    order = shown(Images({"a": numbered(count)}), 0, 3 * count * batch, batch, seed)
    epochs = [order[n : n + count] for n in range(0, len(order), count)]
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs)


@settings(deadline=None)
@given(COUNTS, SEEDS)
def test_the_order_does_not_depend_on_the_batch_size(count: int, seed: int) -> None:
    images = Images({"a": numbered(count)})
    by_one = shown(images, 0, 24, 1, seed)
    assert [shown(images, 0, 24, batch, seed) for batch in (2, 3, 8, 24)] == [by_one] * 4


@settings(deadline=None)
@given(SEEN, COUNTS, SEEDS)
def test_a_batch_is_a_pure_function_of_the_images_seen(seen: int, batch: int, seed: int) -> None:
    pixels = torch.randint(0, 256, (7, 3, 6, 6), dtype=torch.uint8)
    labels = {"a": torch.arange(7)}
    images = Images({"a": pixels, "b": pixels[:5]}, labels)
    first = images.batch(seen, batch, seed, 4, True)
    images.batch(seen + 1, batch, seed, 4, True)  # what else is drawn does not matter
    torch.rand(5)
    again = Images({"b": pixels[:5], "a": pixels}, labels).batch(seen, batch, seed, 4, True)
    assert all(torch.equal(first.images[name], again.images[name]) for name in "ab")
    assert torch.equal(first.labels["a"], again.labels["a"])


def test_a_batch_alone_goes_to_the_device() -> None:
    pixels = torch.randint(0, 256, (7, 3, 6, 6), dtype=torch.uint8)
    images = Images({"a": pixels}, {"a": torch.arange(7)}).to(torch.device("meta"))
    batch = images.batch(0, 4, 1, 4, True)
    assert (batch.images["a"].device.type, batch.labels["a"].device.type) == ("meta", "meta")
    assert images.pixels["a"].device.type == "cpu"


def test_each_epoch_each_domain_and_each_seed_has_its_own_order() -> None:
    images = Images({"a": numbered(30), "b": numbered(30)})
    orders = [
        shown(images, 0, 30, 5, 1, "a"),
        shown(images, 30, 60, 5, 1, "a"),
        shown(images, 0, 30, 5, 1, "b"),
        shown(images, 0, 30, 5, 2, "a"),
    ]
    assert len({tuple(order) for order in orders}) == 4
    assert list(range(30)) not in orders


def test_a_batch_may_be_larger_than_the_set() -> None:
    order = shown(Images({"a": numbered(2)}), 0, 7, 7, 1)
    assert [sorted(order[n : n + 2]) for n in (0, 2, 4)] == [[0, 1]] * 3


@settings(deadline=None)
@given(SEEN, COUNTS, SEEDS)
def test_labels_follow_their_images(seen: int, batch: int, seed: int) -> None:
    images = Images({"a": numbered(6), "b": numbered(4)}, {"a": torch.arange(6) * 10})
    found = images.batch(seen, batch, seed, 2, True)
    assert found.labels["a"].tolist() == [10 * n for n in ids(found.images["a"])]
    assert found.labels.keys() == {"a"}


# Crops and flips ---------------------------------------------------------------------------------


def places(side: int) -> Tensor:
    """One picture whose red is the row and whose green the column of each pixel."""
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.stack([row, column, row * 0]).byte()[None]


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(0, 4), SEEN, SEEDS, st.booleans())
def test_a_crop_is_a_part_of_the_image_or_its_mirror(
    size: int, spare: int, seen: int, seed: int, flip: bool
) -> None:
    images = Images({"a": places(size + spare)})
    found = images.batch(seen, 3, seed, size, flip).images["a"]
    assert found.shape == (3, 3, size, size)
    assert found.dtype == torch.float32
    for part in ((found + 1) * 127.5).round().int():
        top, left = int(part[0].min()), int(part[1].min())
        cut = places(size + spare)[0, :, top : top + size, left : left + size].int()
        assert torch.equal(part, cut) or (flip and torch.equal(part, cut.flip(2)))


def test_all_crops_and_both_sides_come_up_alike() -> None:
    images = Images({"a": places(4)})
    found = images.batch(0, 3600, 5, 2, True).images["a"]
    pixels = ((found + 1) * 127.5).round().int()
    tops, flips = pixels[:, 0].amin((1, 2)), pixels[:, 1, 0, 0] > pixels[:, 1, 0, 1]
    lefts = pixels[:, 1].amin((1, 2))
    counts = [
        int(((tops == top) & (lefts == left) & (flips == flip)).sum())
        for top in range(3)
        for left in range(3)
        for flip in (False, True)
    ]
    assert sum(counts) == 3600
    assert all(130 < count < 270 for count in counts)  # 200 each, deviation 14


def test_domains_are_cropped_and_flipped_each_by_itself() -> None:
    found = Images({"a": places(8), "b": places(8)}).batch(0, 32, 1, 4, True).images
    alike = [torch.equal(a, b) for a, b in zip(found["a"], found["b"], strict=True)]
    assert sum(alike) < 8


def test_without_flip_and_spare_the_image_is_as_it_is() -> None:
    pixels = torch.randint(0, 256, (1, 3, 5, 5), dtype=torch.uint8)
    found = Images({"a": pixels}).batch(3, 4, 1, 5, False).images["a"]
    assert torch.equal(((found + 1) * 127.5).round().byte(), pixels.expand(4, -1, -1, -1))


def test_every_byte_has_its_place_from_minus_1_to_1() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    found = Images({"a": pixels}).batch(0, 1, 1, 16, False).images["a"][0, 0].flatten()
    assert (float(found[0]), float(found[255])) == (-1, 1)
    assert torch.allclose(found.diff(), torch.full((255,), 2 / 255), atol=1e-6)


def test_the_first_images_are_cut_in_the_middle() -> None:
    images = Images({"a": places(6).repeat(3, 1, 1, 1)}, {"a": torch.tensor([5, 6, 7])})
    found = images.first(2, 2)
    assert found.images["a"].shape == (2, 3, 2, 2)
    assert ids(found.images["a"]) == [2, 2]
    assert found.labels["a"].tolist() == [5, 6]


def test_a_batch_goes_to_its_device_whole() -> None:
    batch = Batch({"a": torch.zeros(1)}, {"a": torch.zeros(1)}).to(torch.device("meta"))
    assert batch.images["a"].device.type == batch.labels["a"].device.type == "meta"


# Rows --------------------------------------------------------------------------------------------


def rows_of(*sides: tuple[int, str, Split, str]) -> list[Row]:
    """Rows of (how many, domain, split, community)."""
    cells = [side for side in sides for _ in range(side[0])]
    return [
        replace(PLAIN, id=str(n), domain=domain, split=split, community=community)
        for n, (_, domain, split, community) in enumerate(cells)
    ]


ROWS = rows_of(
    (3, "photo", "train", "x"),
    (2, "photo", "val", "x"),
    (2, "cartoon", "train", "x"),
    (2, "cartoon", "train", "y"),
)


def test_rows_are_those_of_their_domain_and_side_in_their_order() -> None:
    choice = Choice({"a": "photo", "b": "cartoon"})
    found = {name: [row.id for row in side] for name, side in choice.rows(ROWS, "train").items()}
    assert found == {"a": ["0", "1", "2"], "b": ["5", "6", "7", "8"]}
    assert [row.id for row in Choice({"a": "photo"}).rows(ROWS, "val")["a"]] == ["3", "4"]


def test_where_takes_rows_by_any_column_also_by_one_of_the_users() -> None:
    assert [
        r.id for r in Choice({"a": "cartoon"}, {"community": "y"}).rows(ROWS, "train")["a"]
    ] == [*("7", "8")]
    extra = [replace(row, extra={"mood": "sad" if int(row.id) % 2 else "gay"}) for row in ROWS]
    by_mood = Choice({"a": "cartoon"}, {"mood": "sad", "community": "x"})
    with pytest.raises(DataError, match="domain 'cartoon' has 1 train images"):
        by_mood.rows(extra, "train")
    both = Choice({"a": "cartoon"}, {"mood": "sad"}).rows(extra, "train")["a"]
    assert [row.id for row in both] == ["5", "7"]


@pytest.mark.parametrize(
    ("choice", "split", "what", "fix"),
    [
        (Choice({"a": "phto"}), "train", "'phto' has 0 train", "cartoon, photo"),
        (Choice({"a": "cartoon"}), "val", "'cartoon' has 0 val", "cartoon, photo"),
        (Choice({"a": "photo"}, {"community": "z"}), "train", "has 0 train", "matches no row"),
        (Choice({"a": "photo"}, {"comunity": "x"}), "train", "did you mean 'community'", "post_id"),
        (Choice({"a": "photo", "b": "photo"}), "train", "the same domain", "name two domains"),
    ],
)
def test_a_choice_that_finds_nothing_says_what_there_is(
    choice: Choice, split: Split, what: str, fix: str
) -> None:
    with pytest.raises(DataError, match=what) as error:
        choice.rows(ROWS, split)
    assert fix in error.value.fix


# Files -------------------------------------------------------------------------------------------


def packed(folder: Path, *pictures: np.ndarray, **cells: list[str]) -> list[Row]:
    """Write pictures into a pack; rows carry further cells, one for each."""
    files = []
    for pixels in pictures:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        files.append(file.getvalue())
    placed = write_series(folder, "p", [(member_name(data, "png"), data) for data in files])
    rows = []
    for n, place in enumerate(placed):
        where = {"pack": place.pack, "member": place.member, "offset": place.offset}
        more = {name: values[n] for name, values in cells.items()}
        rows.append(Row(**{**CELLS, **where, "bytes": place.bytes, **more}))
    return rows


def drawn(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_an_image_is_read_as_it_was_written(tmp_path: Path) -> None:
    pixels = drawn(1, 5, 7)
    (row,) = packed(tmp_path, pixels)
    assert np.array_equal(read_image(row).permute(1, 2, 0).numpy(), pixels)


def test_images_are_cut_square_in_the_middle_and_reduced_by_area(tmp_path: Path) -> None:
    wide, exact = drawn(1, 8, 13), drawn(2, 4, 4)
    images = Images.load({"a": packed(tmp_path, wide, exact)}, 4).pixels["a"]
    square = wide[:, 2:10].astype(float)  # 13 - 8 = 5 spare, 2 of them on the left
    means = square.reshape(4, 2, 4, 2, 3).mean((1, 3))
    assert np.abs(images[0].permute(1, 2, 0).numpy() - means).max() <= 0.5
    assert np.array_equal(images[1].permute(1, 2, 0).numpy(), exact)
    assert images.dtype == torch.uint8


def test_an_image_that_is_too_small_is_named_with_the_mend(tmp_path: Path) -> None:
    rows = packed(tmp_path, drawn(1, 8, 6))
    with pytest.raises(DataError, match="a stored image of 6 px is smaller than load_px 8") as e:
        Images.load({"a": rows}, 8)
    assert rows[0].member in e.value.where
    assert "resize.size_px" in e.value.fix


def test_a_pack_that_is_gone_or_torn_is_told(tmp_path: Path) -> None:
    rows = packed(tmp_path, drawn(1, 8, 8))
    pack = Path(rows[0].pack)
    pack.write_bytes(pack.read_bytes()[:600])
    with pytest.raises(DataError, match="the pack ends inside"):
        Images.load({"a": rows}, 8)
    pack.unlink()
    with pytest.raises(DataError, match="the pack cannot be read"):
        Images.load({"a": rows}, 8)


def test_a_member_that_is_no_picture_is_told(tmp_path: Path) -> None:
    (place,) = write_series(tmp_path, "p", [("x.png", b"no picture")])
    row = replace(PLAIN, pack=place.pack, member="x.png", offset=place.offset, bytes=place.bytes)
    with pytest.raises(DataError, match=r"x\.png"):
        Images.load({"a": [row]}, 8)


def test_classes_are_numbered_by_name_and_alike_on_every_side_of_the_split(tmp_path: Path) -> None:
    pictures = [drawn(n, 8, 8) for n in range(5)]
    labels = ["owl", "cat", "owl", "dog", "owl"]
    rows = packed(tmp_path, *pictures, label=labels, split=["train"] * 3 + ["val"] * 2)
    choice = Choice({"a": "photo"}, label="label")
    classes = choice.classes(rows)
    assert classes == ["cat", "dog", "owl"]
    train = Images.load(choice.rows(rows, "train"), 8, "label", classes=classes)
    val = Images.load(choice.rows(rows, "val"), 8, "label", classes=classes)
    assert train.labels["a"].tolist() == [2, 0, 2]
    assert val.labels["a"].tolist() == [1, 2]
    seen = Choice({"a": "photo"}, where={"split": "train"}, label="label")
    assert seen.classes(rows) == ["cat", "owl"]  # a class that no training saw is none


def test_without_a_label_there_are_no_labels(tmp_path: Path) -> None:
    rows = packed(tmp_path, drawn(1, 8, 8), drawn(2, 8, 8))
    assert Images.load({"a": rows}, 8).labels == {}
    assert Choice({"a": "photo"}).classes(rows) == []
