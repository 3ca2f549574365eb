"""What dedup decides: what is dropped, tied, set aside; the same in any order of work."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.images.albums import NOTHING_BANNED, album, decide, kept, levels
from tests.images.pictures import captioned, drawn, encoded, png_header

from memegan.errors import DataError
from memegan.images.decided import DecisionRow
from memegan.images.dedup import counts, dedup
from memegan.images.features import phash, thumbnail
from memegan.images.params import DedupParams
from memegan.media import rgb
from memegan.takedown import Banned

FIRST = drawn(1, 240, 180)
LAX = DedupParams(max_quarantined=1)


def smaller(pixels: np.ndarray, share: float) -> np.ndarray:
    size = (round(pixels.shape[1] * share), round(pixels.shape[0] * share))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def copies(pixels: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Name and yield what reposting does to a picture."""
    yield "first", encoded(pixels)
    yield "jpeg", encoded(pixels, "JPEG", quality=50)
    yield "webp", encoded(pixels, "WEBP", quality=60)
    yield "scaled", encoded(smaller(pixels, 0.6))
    yield "scaled jpeg", encoded(smaller(pixels, 0.45), "JPEG", quality=70)
    yield "brighter", encoded(np.clip(pixels * 1.1 + 8, 0, 255).astype(np.uint8))
    yield "turned", encoded(np.rot90(pixels, -1).copy(), exif=_turned_by(8))


def _turned_by(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("seed", range(4))
def test_copies_encoded_scaled_and_turned_anew_are_the_same_picture(seed: int) -> None:
    files = dict(copies(drawn(seed, 240, 180))) | {"other": encoded(drawn(seed + 100, 240, 180))}
    made = decide(files)
    assert len(kept(made)) == 2
    best, other = kept(made)
    assert (best in ("first", "brighter"), other) == (True, "other")  # both large and lossless
    alike = levels(made)
    assert alike.pop("turned") == ("first", "exact")
    assert set(alike.values()) == {(best, "same")}


def test_a_mirrored_copy_is_the_same_picture_where_the_params_say_so() -> None:
    files = {"first": encoded(FIRST), "mirror": encoded(FIRST[:, ::-1].copy())}
    files["side"] = encoded(np.rot90(FIRST).copy())
    assert kept(decide(files, DedupParams(mirrored=False))) == list(files)
    made = decide(files)
    assert levels(made) == {"mirror": ("first", "same"), "side": ("first", "same")}
    assert [row.why.partition(",")[0] for row in made.duplicates] == ["mirrored", "turned"]


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_another_caption_on_the_same_picture_is_kept_and_tied(seed: int) -> None:
    base = drawn(seed, 240, 180)
    lines = ["me on monday", "the weekend is", "nobody: cats:"]
    files = {line: encoded(captioned(base, line)) for line in lines}
    files["repost"] = encoded(captioned(base, lines[1]), "JPEG", quality=60)
    files["other"] = encoded(drawn(seed + 100, 240, 180))
    made = decide(files)
    assert kept(made) == [*lines, "other"]
    assert [row.template for row in made.kept] == [lines[0]] * 3 + ["other"]
    assert levels(made)["repost"] == (lines[1], "same")
    assert levels(made)[lines[1]] == (lines[0], "template")


def test_the_same_bytes_are_exact_and_so_are_the_same_pixels_in_another_file() -> None:
    """The ids are those of `candidates`: the same bytes have the same."""
    data = encoded(FIRST)
    found, read = album({"a": data, "b": data, "c": encoded(FIRST, compress_level=0)})
    found[1] = replace(found[1], row=replace(found[1].row, id="a"))
    made = dedup(found, read, DedupParams(), NOTHING_BANNED, 1)
    told = [(row.dropped, row.kept, row.level, row.distance, row.why) for row in made.duplicates]
    assert told == [("a", "a", "exact", 0.0, "same bytes"), ("c", "a", "exact", 0.0, "same pixels")]
    assert [row.post_id for row in made.duplicates] == ["test:cats:b", "test:cats:c"]
    assert kept(made) == ["a"]


def test_equal_at_a_smaller_scale_is_not_equal_yet() -> None:
    """A JPEG of 800 px is first decoded at a quarter, from the low frequencies of its blocks."""
    wave = np.array([1, -1, -1, 1, 1, -1, -1, 1])  # an even frequency: the quarter leaves it out
    fine = np.tile(20 * np.outer(wave, wave), (100, 100))
    plain = drawn(3, 100, 100)[..., 0].repeat(8, 0).repeat(8, 1).clip(50, 200)
    pair = [gray.astype(np.uint8) for gray in (plain, plain + fine)]
    one, other = (encoded(np.stack([gray] * 3, -1), "JPEG", quality=100) for gray in pair)
    assert np.array_equal(rgb(one, at_least_px=96), rgb(other, at_least_px=96))
    ((dropped, (stays, level)),) = levels(decide({"a": one, "b": other})).items()
    assert ({dropped, stays}, level) == ({"a", "b"}, "same")


BAD = {
    "truncated jpeg": (encoded(FIRST, "JPEG")[:2000], "truncated"),
    "truncated png": (encoded(FIRST)[:2000], "truncated"),
    "bomb": (png_header(30_000, 30_000), "too_many_pixels"),
    "page": (b"<!doctype html><p>gone</p>", "not_media"),
    "empty": (b"", "empty"),
    "small": (encoded(drawn(5, 31, 200)), "too_small"),
    "small jpeg": (encoded(drawn(5, 200, 31), "JPEG"), "too_small"),
}


def test_bad_files_are_set_aside_with_a_reason_and_the_others_go_on() -> None:
    files = {name: data for name, (data, _) in BAD.items()} | {"good": encoded(FIRST)}
    made = decide(files, LAX)
    assert {row.file: row.reason for row in made.quarantine} == {
        f"file:{name}": reason for name, (_, reason) in BAD.items()
    }
    assert kept(made) == ["good"]
    assert all(row.detail for row in made.quarantine)
    assert dict(counts(made)) == {"kept": 1, "duplicates": 0, "quarantined": len(BAD)}
    assert (made.kept[0].width_px, made.kept[0].height_px) == (240, 180)


@pytest.mark.parametrize(
    "rect", ["0,0,241,180", "-1,0,100,100", "50,50,50,90", "90,0,40,100", "1,2,3", "a,b,c,d"]
)
def test_a_part_that_does_not_lie_in_its_picture_is_set_aside(rect: str) -> None:
    found, read = album({"a": encoded(FIRST)})
    found[0] = replace(found[0], row=replace(found[0].row, rect=rect))
    (row,) = dedup(found, read, LAX, NOTHING_BANNED, 1).quarantine
    assert row.reason == "bad_rect"


def test_two_parts_of_one_file_are_two_pictures_and_one_part_twice_is_one() -> None:
    wide = np.concatenate([drawn(1, 120, 120), drawn(2, 120, 120)], axis=1)
    found, read = album(
        {"left": encoded(wide), "right": encoded(wide), "lone": encoded(wide[:, :120])}
    )
    for n, rect in enumerate(["0,0,120,120", "120,0,240,120"]):
        found[n] = replace(found[n], row=replace(found[n].row, rect=rect))
    made = dedup(found, read, DedupParams(), NOTHING_BANNED, 1)
    assert [(row.id, row.width_px) for row in made.kept] == [("left", 120), ("right", 120)]
    assert levels(made) == {"lone": ("left", "exact")}


def test_pictures_with_nothing_on_them_are_set_aside() -> None:
    page = np.full((120, 160, 3), 250, np.uint8)
    dotted, worded = page.copy(), page.copy()
    dotted[60:63, 80:83] = 0
    cv2.putText(worded, "image removed", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1)
    files = {"page": encoded(page), "dot": encoded(dotted), "words": encoded(worded)}
    made = decide(files, LAX)
    assert {row.file: row.reason for row in made.quarantine} == {
        "file:page": "flat",
        "file:dot": "near_empty",
    }
    assert kept(made) == ["words"]
    everything = DedupParams(min_contrast=0, min_shown=0)
    assert kept(decide(files, everything)) == list(files)


def test_two_colours_of_one_gray_are_not_flat() -> None:
    halves = np.full((120, 160, 3), (200, 20, 20), np.uint8)
    halves[:, 80:] = (20, 97, 40)
    assert kept(decide({"halves": encoded(halves)}, DedupParams(min_shown=0))) == ["halves"]


def test_a_few_words_that_stand_for_many_posts_are_a_notice() -> None:
    page = np.full((120, 160, 3), 250, np.uint8)
    cv2.putText(page, "image removed", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1)
    for picture, reasons in ((page, ["placeholder"] * 4), (FIRST, [])):
        found, read = album(dict.fromkeys("abcd", encoded(picture)))
        made = dedup(found, read, LAX, NOTHING_BANNED, 1)
        assert [row.reason for row in made.quarantine] == reasons
        assert decide(dict.fromkeys("abc", encoded(picture)), LAX).quarantine == []


def test_the_largest_copy_stays_then_the_least_compressed_and_all_are_told() -> None:
    files = {
        "small": encoded(smaller(FIRST, 0.5)),
        "poor": encoded(FIRST, "JPEG", quality=40),
        "good": encoded(FIRST, "JPEG", quality=95),
        "framed": encoded(np.pad(smaller(FIRST, 0.8), ((90, 90), (0, 0), (0, 0)))),
    }
    made = decide(files)
    assert kept(made) == ["good"]
    assert made.kept[0].template == "small"  # the group keeps its name
    assert levels(made) == dict.fromkeys(("small", "poor", "framed"), ("good", "same"))


def test_what_is_decided_is_obeyed() -> None:
    files = {"a": encoded(FIRST), "b": encoded(FIRST, "JPEG"), "c": encoded(drawn(9, 240, 180))}
    found, read = album(files)
    verdicts = [DecisionRow("b", "a", "apart", ""), DecisionRow("a", "c", "same", "")]
    verdicts += [DecisionRow("gone", "a", "same", ""), DecisionRow("b", "b", "same", "")]
    made = dedup(found, read, DedupParams(), NOTHING_BANNED, 1, verdicts)
    assert kept(made) == ["a", "b"]
    assert [(r.dropped, r.kept, r.why) for r in made.duplicates] == [("c", "a", "decided")]


def test_small_letters_are_looked_at_twice() -> None:
    """At 128 px they are a blur."""
    files = {}
    for text in ("HALF PAST TEN", "NO MORE MAPS"):
        picture = cv2.resize(FIRST, (960, 720), interpolation=cv2.INTER_CUBIC)
        cv2.putText(picture, text, (300, 400), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 3)
        files[text] = encoded(picture)
    first, other = files
    assert levels(decide(files)) == {other: (first, "template")}
    blurred = decide(files, DedupParams(fine_line=1.9))
    assert [row.level for row in blurred.duplicates] == ["same"]


def banned(kind: str, value: str) -> Banned:
    return Banned(takedown=frozenset({(kind, value)}), blocklist=frozenset())


def test_what_is_banned_is_set_aside_by_url_post_digest_and_likeness() -> None:
    files = {"a": encoded(FIRST), "b": encoded(drawn(2, 240, 180))}
    found, _ = album(files)
    likeness = phash(thumbnail(FIRST))
    for kind, value in (
        ("url", "file:a"),
        ("post", "test:cats:a"),
        ("sha256", found[0].row.sha256),
        ("phash", f"{likeness:016x}"),
        ("phash", f"{likeness ^ 0b1111:016x}"),
    ):
        made = decide(files, banned=banned(kind, value))
        assert [(row.file, row.reason) for row in made.quarantine] == [("file:a", "takedown")]
        assert kept(made) == ["b"]
    assert kept(decide(files, banned=banned("phash", f"{likeness ^ 0b11111:016x}"))) == ["a", "b"]


def test_a_copy_of_a_banned_picture_is_banned_too() -> None:
    files = {"jpeg": encoded(FIRST, "JPEG", quality=60), "small": encoded(smaller(FIRST, 0.5))}
    made = decide(files, LAX, banned("phash", f"{phash(thumbnail(FIRST)):016x}"))
    assert [row.reason for row in made.quarantine] == ["takedown"] * 2


def test_the_frames_of_a_banned_video_are_set_aside() -> None:
    found, read = album({"a": encoded(FIRST), "b": encoded(drawn(2, 240, 180))})
    found[0] = replace(found[0], row=replace(found[0].row, video="f" * 64, time_s=1.0, shot=0))
    made = dedup(found, read, DedupParams(), banned("sha256", "f" * 64), 1)
    assert [(row.file, row.reason) for row in made.quarantine] == [("file:a", "takedown")]


def test_a_banned_picture_that_is_broken_is_told_as_banned() -> None:
    found, read = album({"a": encoded(FIRST)[:500]})
    made = dedup(found, read, LAX, banned("sha256", found[0].row.sha256), 1)
    assert [row.reason for row in made.quarantine] == ["takedown"]


def test_too_many_bad_pictures_stop_the_stage_and_say_which() -> None:
    files = {"page": BAD["page"][0], "cut": BAD["truncated png"][0], "good": encoded(FIRST)}
    assert kept(decide(files, DedupParams(max_quarantined=0.7))) == ["good"]
    with pytest.raises(
        DataError, match="2 of 3 pictures are bad: 1 not_media, 1 truncated; the first is file:page"
    ):
        decide(files, DedupParams(max_quarantined=0.6))


def test_nothing_found_is_nothing_decided() -> None:
    made = decide({})
    assert (made.kept, made.duplicates, made.quarantine) == ([], [], [])


SEEDS = (1, 3, 4)


def mixed() -> dict[str, bytes]:
    """Three pictures with copies, captions and bad files among them, named "group/copy"."""
    files = {}
    for seed in SEEDS:
        base = drawn(seed, 240, 180)
        for text in ("me on monday", "the end of it"):
            files[f"{seed} {text}/"] = encoded(captioned(base, text))
        files |= {f"{seed}/{n}": data for n, data in itertools.islice(copies(base), 4)}
    return files | {"page": BAD["page"][0], "cut": BAD["truncated jpeg"][0]}


MIXED = mixed()


@pytest.mark.parametrize("workers", [2, 5])
def test_the_number_of_workers_changes_nothing(workers: int) -> None:
    assert decide(MIXED, workers=workers) == decide(MIXED)


@settings(max_examples=8, deadline=None)
@given(st.permutations(sorted(MIXED)))
def test_in_any_order_the_same_pictures_are_kept(order: list[str]) -> None:
    made = decide(MIXED, order=order)
    bases = [f"{seed}{name}" for seed in SEEDS for name in (" me on monday/", "/first")]
    bases += [f"{seed} the end of it/" for seed in SEEDS]
    assert sorted(kept(made)) == sorted(bases)
    assert {row.file for row in made.quarantine} == {"file:page", "file:cut"}


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(sorted(MIXED)), unique=True, min_size=1))
def test_what_was_kept_is_kept_again_and_nothing_is_counted_twice(names: list[str]) -> None:
    made = decide(MIXED, LAX, order=names)
    again = decide(MIXED, LAX, order=kept(made))
    assert kept(again) == kept(made)
    assert [row.level for row in again.duplicates if row.level != "template"] == []
    dropped = {row.dropped for row in made.duplicates if row.level != "template"}
    assert len(names) == len(made.kept) + len(dropped) + len(made.quarantine)
