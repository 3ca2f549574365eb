"""frames, dedup, select, resize and unpack on bare files: what they write, say and refuse."""

import csv
import itertools
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.images.pictures import drawn, encoded, window
from tests.video.clips import FPS, clip, shot, tone

from memegan.__main__ import commands, main
from memegan.images.near import Groups
from memegan.packs import read_place
from memegan.records import (
    DuplicateRow,
    FrameRow,
    ImageRow,
    KeptRow,
    QuarantineRow,
    SelectedRow,
    ShotRow,
    VideoRow,
)
from memegan.tables import read_table

Run = Callable[..., tuple[int, str, str]]
REAL = os.environ.get("MEMEGAN_REAL_DATA", "")


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Run a command as a person does, in an empty folder; give exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    handlers, level = list(logging.root.handlers), logging.root.level

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["memegan", *words])
        code = main()
        out, err = capsys.readouterr()
        return code, out, err

    yield command
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def folder(name: str, **files: bytes) -> Path:
    """A folder of files; a dot in a name is written __."""
    for file, data in files.items():
        path = Path(name, file.replace("__", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Path(name)


def photos() -> Path:
    first = drawn(1)
    return folder(
        "photos",
        a__png=encoded(first),
        b__jpg=encoded(first, "JPEG", quality=60),
        c__png=encoded(drawn(2)),
        d__png=encoded(drawn(3))[:900],
        notes__txt=b"not a picture, and known as none",
    )


@pytest.mark.parametrize("word", ["frames", "dedup", "select", "resize", "unpack"])
def test_each_command_is_listed_and_its_help_holds_an_example(run: Run, word: str) -> None:
    assert commands()[word]
    code, out, _ = run(word, "--help")
    assert code == 0
    assert f"Example: memegan {word} " in out
    assert "--json" in out


def test_frames_writes_tables_packs_and_pictures(run: Run) -> None:
    clip(Path("a.mp4"), shot(1, 14) + shot(2, 10))
    code, out, _ = run("frames", "a.mp4", "--out", "f", "--every-s", "0.5", "--images")
    assert code == 0
    assert out == (
        "2 frames kept, 2 dropped, 1 videos, 0 damaged\n"
        "in f: frames.csv, images, packs, shots.csv, videos.csv\n"
    )
    rows = read_table(Path("f/frames.csv"), FrameRow)
    assert [row.time_s for row in rows] == [0, 0.5, 1, 1.5]
    (video,) = read_table(Path("f/videos.csv"), VideoRow)
    pictures = sorted(Path("f/images").iterdir())
    start = video.video[:8]
    assert [p.name for p in pictures] == [
        f"a-{start}-{t}.png" for t in ("000000.000", "000001.500")
    ]
    assert pictures[0].read_bytes() == read_place(rows[0])


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (("--sample", "per_shot"), [6, 18]),
        (("--sample", "per_shot", "--per-shot", "2"), [3, 10, 16, 21]),
        (("--sample", "fps", "--fps", "4"), [0, 3, 6, 9, 12, 15, 18, 21]),
        (("--sample", "keyframes"), [0, 12]),
        (("--every-s", "1"), [0, 12]),
    ],
)
def test_frames_samples_as_it_is_told(run: Run, options: tuple[str, ...], kept: list[int]) -> None:
    video = clip(Path("a.mp4"), shot(1, 14) + shot(2, 10), options={"g": "12", "sc_threshold": "0"})
    assert run("frames", video.name, "--out", "f", *options)[0] == 0
    rows = read_table(Path("f/frames.csv"), FrameRow)
    assert [round(row.time_s * FPS) for row in rows] == kept


def test_frames_takes_folders_and_goes_on_over_damage(run: Run) -> None:
    Path("tv").mkdir()
    whole = clip(Path("tv/b.mp4"), shot(1, 24, 2)).read_bytes()
    clip(Path("tv/a.webm"), shot(2, 12), codec="libvpx-vp9")
    Path("tv/c.mp4").write_bytes(whole[: len(whole) // 2])
    Path("tv/readme.txt").write_text("notes")
    folder("tv", cover__png=encoded(drawn(1)))
    code, out, _ = run("frames", "tv", "--out", "f", "--domain", "cartoon", "--json")
    assert code == 0
    assert json.loads(out) == {
        "counts": {"frames kept": 4, "dropped": 0, "videos": 3, "damaged": 1},
        "out": "f",
    }
    rows = read_table(Path("f/videos.csv"), VideoRow)
    assert [row.name for row in rows] == ["tv/a.webm", "tv/b.mp4", "tv/c.mp4"]
    assert {row.domain for row in rows} == {"cartoon"}
    assert rows[2].reason == "cut_tail"


def test_dedup_tells_what_is_kept_and_touches_nothing(run: Run) -> None:
    given = {path.name: path.read_bytes() for path in photos().iterdir()}
    code, out, _ = run("dedup", "photos", "--out", "clean")
    assert code == 0
    assert out.startswith("2 kept, 1 duplicates, 1 quarantined\n")
    kept = read_table(Path("clean/kept.csv"), KeptRow)
    assert [(row.url, row.domain) for row in kept] == [
        ("file:photos/a.png", "photos"),
        ("file:photos/c.png", "photos"),
    ]
    assert read_place(kept[0]) == given["a.png"]
    (twice,) = read_table(Path("clean/duplicates.csv"), DuplicateRow)
    assert (twice.url, twice.kept, twice.level) == ("file:photos/b.jpg", kept[0].id, "same")
    (bad,) = read_table(Path("clean/quarantine.csv"), QuarantineRow)
    assert (bad.file, bad.reason) == ("photos/d.png", "truncated")
    assert {path.name: path.read_bytes() for path in Path("photos").iterdir()} == given


def test_dedup_looks_over_several_folders_and_the_first_named_wins(run: Run) -> None:
    photos()
    folder("more/sub", x__png=encoded(drawn(2)), y__png=encoded(drawn(1)[:, ::-1].copy()))
    assert run("dedup", "more", "photos", "--out", "clean", "--mirrored")[0] == 0
    kept = read_table(Path("clean/kept.csv"), KeptRow)
    assert [row.url for row in kept] == ["file:more/sub/x.png", "file:more/sub/y.png"]
    assert {row.extra["sub_folder"] for row in kept} == {"sub"}


def test_a_takedown_list_beside_is_obeyed(run: Run) -> None:
    photos()
    assert run("dedup", "photos", "--out", "one")[0] == 0
    first = read_table(Path("one/kept.csv"), KeptRow)[0]
    folder("data", takedown__csv=f"kind,value,reason\nsha256,{first.sha256},asked\n".encode())
    assert run("dedup", "photos", "--out", "two")[0] == 0
    reasons = {
        row.file: row.reason for row in read_table(Path("two/quarantine.csv"), QuarantineRow)
    }
    assert reasons["photos/a.png"] == "takedown"


def test_resize_brings_a_folder_to_one_size(run: Run) -> None:
    photos()
    words = ("resize", "photos", "--size-px", "32", "--fit", "crop", "--images")
    code, out, _ = run(*words, "--out", "small")
    assert code == 0
    assert out.startswith("3 images, 1 quarantined\nin small: images, images.csv, packs")
    rows = read_table(Path("small/images.csv"), ImageRow)
    for row in rows:
        data = read_place(row)
        with Image.open(BytesIO(data)) as image:
            assert image.size == (32, 32)
        assert Path(f"small/images/{row.id}.png").read_bytes() == data
    run(*words, "--out", "again")
    packs = [sorted(Path(one, "packs").iterdir()) for one in ("small", "again")]
    assert [p.read_bytes() for p in packs[0]] == [p.read_bytes() for p in packs[1]]


@pytest.mark.parametrize(
    ("fit", "size"), [("letterbox", (20, 20)), ("stretch", (20, 20)), ("keep", (27, 20))]
)
def test_resize_fits_as_it_is_told(run: Run, fit: str, size: tuple[int, int]) -> None:
    folder("in", a__png=encoded(drawn(1)), b__png=encoded(drawn(1)))
    code, out, _ = run(
        "resize", "in", "--out", "o", "--size-px", "20", "--fit", fit, "--format", "webp"
    )
    assert (code, out.partition(",")[0]) == (0, "1 images")  # the same bytes are taken once
    (row,) = read_table(Path("o/images.csv"), ImageRow)
    assert (row.width_px, row.height_px) == size
    assert row.member.endswith(".webp")


def test_the_data_half_runs_as_a_chain(run: Run) -> None:
    photos()
    clip(Path("a.mp4"), shot(7, 14) + shot(8, 10))
    assert run("frames", "a.mp4", "--out", "f", "--domain", "cartoon", "--every-s", "0.5")[0] == 0
    assert run("dedup", "photos", "f", "--out", "clean", "--min-size-px", "40")[0] == 0
    assert run("select", "clean", "--out", "chosen")[0] == 0
    rows = read_table(Path("chosen/selected.csv"), SelectedRow)
    lines = Path("chosen/selected.csv").read_text().splitlines()
    Path("few.csv").write_text("\n".join(lines[:-1]) + "\n")
    assert len(rows) == 4
    words = (
        "resize",
        "clean/kept.csv",
        "--selected",
        "few.csv",
        "--out",
        "small",
        "--size-px",
        "16",
    )
    assert run(*words)[0] == 0
    made = read_table(Path("small/images.csv"), ImageRow)
    assert {row.id for row in made} == {row.id for row in rows[:-1]}
    assert sorted(row.domain for row in made) == ["cartoon", "photos", "photos"]
    code, _, _ = run("unpack", "small/images.csv", "--out", "files", "--by", "domain")
    assert code == 0
    assert sorted(p.name for p in Path("files").iterdir()) == ["cartoon", "files.csv", "photos"]


def unpacked() -> list[dict[str, str]]:
    with Path("files/files.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_unpack_writes_the_bytes_of_the_rows_that_are_asked_for(run: Run) -> None:
    photos()
    folder("toons", z__png=encoded(drawn(9)))
    assert run("resize", "photos", "toons", "--out", "small", "--size-px", "16")[0] == 0
    Path("small").rename("moved")  # packs are found beside their table
    words = ("unpack", "moved/images.csv", "--out", "files", "--where", "domain=photos")
    code, out, _ = run(*words, "--where", "url=file:photos/c.png", "--json")
    assert (code, json.loads(out)["counts"]) == (0, {"files": 1, "rows": 1})
    (row,) = unpacked()
    (wanted,) = (r for r in read_table(Path("moved/images.csv"), ImageRow) if "c.png" in r.url)
    assert (row["file"], row["id"]) == (wanted.member, wanted.id)
    with Image.open(Path("files", row["file"])) as image:
        assert np.asarray(image).shape == (16, 16, 3)


def test_unpack_leaves_out_rows_without_bytes_and_climbs_nowhere(run: Run) -> None:
    data = encoded(drawn(1))
    folder("p", x__bin=data)
    Path("t.csv").write_text(
        f"pack,member,offset,bytes,label\np/x.bin,../../up.png,0,{len(data)},../..\n,,0,0,failed\n"
    )
    assert run("unpack", "t.csv", "--out", "files", "--by", "label")[0] == 0
    (row,) = unpacked()
    assert row["file"] == "none/up.png"
    assert Path("files/none/up.png").read_bytes() == data


def test_unpack_names_a_few_of_many_files(run: Run) -> None:
    folder("p", **{f"{n:02}__bin": bytes([n]) for n in range(10)})
    places = "".join(f"p/{n:02}.bin,{n:02}.png,0,1\n" for n in range(10))
    Path("t.csv").write_text(f"pack,member,offset,bytes\n{places}")
    _, out, _ = run("unpack", "t.csv", "--out", "files")
    named = ", ".join(f"{n:02}.png" for n in range(8))
    assert out.splitlines() == ["10 files, 10 rows", f"in files: {named} and 3 more"]


def refused(run: Run, code: int, *words: str) -> str:
    """Run a command that must fail; return its message."""
    before = sorted(path.as_posix() for path in Path().rglob("*"))
    got, out, err = run(*words)
    assert got == code, err
    assert out == ""
    assert "Traceback" not in err
    assert sorted(path.as_posix() for path in Path().rglob("*")) == before
    return err


@pytest.mark.parametrize("word", ["frames", "dedup", "select", "resize", "unpack"])
def test_what_is_not_there_is_told(run: Run, word: str) -> None:
    Path("photo").mkdir()
    told = refused(run, 2, word, "photos", "--out", "o")
    assert told.startswith("error: there is no file or folder 'photos'; did you mean 'photo'?\n")


@pytest.mark.parametrize("word", ["frames", "dedup", "resize"])
def test_an_out_that_holds_something_is_left_alone(run: Run, word: str) -> None:
    photos()
    clip(Path("photos/a.mp4"), shot(1, 3))
    folder("o", mine__txt=b"mine")
    given = "photos/a.mp4" if word == "frames" else "photos"
    assert "'o' is not an empty folder" in refused(run, 2, word, given, "--out", "o")
    assert "'o/mine.txt' is not an" in refused(run, 2, word, given, "--out", "o/mine.txt")


def test_what_is_no_video_is_told_by_its_name(run: Run) -> None:
    photos()
    tone(Path("a.m4a"))
    told = refused(run, 1, "frames", "photos/a.png", "a.m4a", "--out", "o")
    assert "photos/a.png: 0 frames, failed, not_a_video: a picture: image/png" in told
    assert "a.m4a: 0 frames, failed, no_video_stream" in told
    assert "no video among 4 files" in refused(run, 2, "frames", "photos", "--out", "o")


def test_folders_without_a_picture_are_told(run: Run) -> None:
    Path("none").mkdir()
    photos()
    for word in ("dedup", "resize"):
        assert "there is no file in it" in refused(run, 2, word, "none", "--out", "o")
    assert "not a folder" in refused(run, 2, "dedup", "photos/a.png", "--out", "o")
    folder("bad", a__png=b"<!doctype html>")
    told = refused(run, 1, "resize", "bad", "--out", "o")
    assert "no picture is left of 1 files" in told
    assert "bad/a.png: not_media" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("frames", "a.mp4", "--every-s", "0"), "--every-s 0: input should be greater than 0"),
        (("resize", "photos", "--size-px", "4"), "--size-px 4: input should be greater"),
        (("dedup", "photos", "--min-size-px", "0"), "--min-size-px 0: input should be greater"),
    ],
)
def test_options_out_of_range_are_told(run: Run, words: tuple[str, ...], told: str) -> None:
    photos()
    assert told in refused(run, 2, *words, "--out", "o")


def test_unpack_says_what_a_table_holds(run: Run) -> None:
    photos()
    run("resize", "photos", "--out", "small", "--size-px", "16")
    words = ("unpack", "small/images.csv", "--out", "o")
    assert "did you mean 'domain'?" in refused(run, 2, *words, "--where", "domian=x")
    told = refused(run, 2, *words, "--where", "domain=photo")
    assert "no row has domain=photo; did you mean 'photos'?" in told
    assert "domain is photos\n" in told
    assert "no column 'size'" in refused(run, 2, *words, "--by", "size")
    assert "lacks ['pack'" in refused(run, 1, "unpack", "small/quarantine.csv", "--out", "o")


def test_a_damaged_pack_stops_and_leaves_nothing(run: Run) -> None:
    photos()
    run("resize", "photos", "--out", "small", "--size-px", "16")
    (pack,) = Path("small/packs").iterdir()
    pack.write_bytes(pack.read_bytes()[:-4000])
    assert "the pack ends inside" in refused(run, 1, "unpack", "small/images.csv", "--out", "o")


def test_screenshots_of_editors_are_kept_on_demand(run: Run) -> None:
    Path("shots").mkdir()
    Path("shots/a.png").write_bytes(encoded(window(drawn(3, 480, 320))))
    assert run("dedup", "shots", "--out", "told")[0] == 0
    (row,) = read_table(Path("told/quarantine.csv"), QuarantineRow)
    assert row.reason == "editor"
    assert run("dedup", "shots", "--out", "kept", "--editor-bars", "0")[0] == 0
    assert len(read_table(Path("kept/kept.csv"), KeptRow)) == 1


@pytest.mark.skipif(not REAL, reason="MEMEGAN_REAL_DATA names no folder of real files")
def test_every_odd_real_file_meets_its_fate(run: Run) -> None:
    """Sound ones reach the data set, also those of one colour if they may; the others do not."""
    odd = Path(REAL, "odd_images")
    least = ("--min-size-px", "1", "--min-contrast", "0", "--min-shown", "0")
    assert run("dedup", odd.as_posix(), "--out", "o", *least)[0] == 0
    with Path(odd, "expected.csv").open(encoding="utf-8", newline="") as file:
        expected = {row["file"]: row["expected"] for row in csv.DictReader(file)}
    bad = read_table(Path("o/quarantine.csv"), QuarantineRow)
    fates = dict.fromkeys(expected, "ok") | {Path(row.file).name: "quarantine" for row in bad}
    assert {file: fates[file] for file, fate in expected.items() if fate != "either"} == {
        file: fate for file, fate in expected.items() if fate != "either"
    }
    gone = {row.url for row in read_table(Path("o/duplicates.csv"), DuplicateRow)}
    kept = {row.url for row in read_table(Path("o/kept.csv"), KeptRow)}
    told = {Path(url).name for url in gone | kept}  # all that is sound is kept, or a copy
    assert told == {file for file, fate in fates.items() if fate == "ok"}


@pytest.mark.skipif(not REAL, reason="MEMEGAN_REAL_DATA names no folder of real files")
def test_real_near_duplicates_are_tied_captions_kept_and_no_stranger_dropped(run: Run) -> None:
    """Pairs of one group in labels.csv, turned ones too."""
    near = Path(REAL, "neardup")
    assert run("dedup", near.as_posix(), "--out", "o")[0] == 0
    with Path(near, "labels.csv").open(encoding="utf-8", newline="") as file:
        labels = {row["file"]: row for row in csv.DictReader(file)}
    first = {row.sha256[:16]: Path(row.url).name for row in read_table(Path("o/kept.csv"), KeptRow)}
    rows = read_table(Path("o/duplicates.csv"), DuplicateRow)
    same, tied = Groups(), Groups()
    at = {name: n for n, name in enumerate(sorted(labels))}
    for row in rows:
        first.setdefault(row.dropped, Path(row.url).name)
    for row in rows:
        one, other = at[Path(row.url).name], at[first[row.kept]]
        tied.join(one, other)
        if row.level != "template":
            same.join(one, other)

    def share(groups: Groups, pairs: list[tuple[str, str]]) -> float:
        return sum(groups.of(at[a]) == groups.of(at[b]) for a, b in pairs) / len(pairs)

    mates: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
    strangers = []
    for a, b in itertools.combinations(sorted(labels), 2):
        if labels[a]["group"] == labels[b]["group"]:
            mates[labels[a]["kind"] == "caption_variant"].append((a, b))
        else:
            strangers.append((a, b))
    assert share(tied, mates[True] + mates[False]) == 1
    assert share(same, mates[True]) == share(same, strangers) == 0
    assert share(same, mates[False]) >= 345 / 351  # the others differ in the colour of a thing


@pytest.mark.skipif(not REAL, reason="MEMEGAN_REAL_DATA names no folder of real files")
def test_real_videos_and_pictures_go_through(run: Run) -> None:
    videos, near, odd = (
        Path(REAL, name).as_posix() for name in ("videos", "neardup", "odd_images")
    )
    assert run("frames", videos, "--out", "f", "--sample", "per_shot")[0] == 0
    rows = read_table(Path("f/videos.csv"), VideoRow)
    assert {row.status for row in rows} == {"ok"}
    names = {row.video: Path(row.name).name for row in rows}
    shots = read_table(Path("f/shots.csv"), ShotRow)
    seen = [
        (names[s.video], start) for s, start in zip(shots, _starts(shots), strict=True) if start
    ]
    with Path(videos, "cuts.csv").open(encoding="utf-8", newline="") as file:
        ends = [
            (r["file"], int(r["first_frame"]), int(r["last_frame"]))
            for r in csv.DictReader(file)
            if r["type"] in ("cut", "dissolve")
        ]
    cuts = [(name, first) for name, first, last in ends if first == last]
    soft = {(name, n) for name, first, last in ends for n in range(first, last + 1)} - {*cuts}
    assert [start for start in seen if start not in soft] == cuts
    code, out, _ = run("dedup", near, "f", "--out", "clean", "--json")
    counts = json.loads(out)["counts"]
    assert code == 0
    assert counts["duplicates"] >= 50  # labels.csv: 26 exact, 14 formats, 10 sizes and qualities
    assert counts["quarantined"] <= 1
    assert run("resize", "clean", "--out", "small", "--size-px", "16")[0] == 0
    assert len(read_table(Path("small/images.csv"), ImageRow)) == counts["kept"]
    assert run("resize", odd, "--out", "odd", "--size-px", "16")[0] == 0
    with Path(odd, "expected.csv").open(encoding="utf-8", newline="") as file:
        expected = {row["file"]: row["expected"] for row in csv.DictReader(file)}
    bad = read_table(Path("odd/quarantine.csv"), QuarantineRow)
    aside = {row.file.removeprefix(f"{odd}/") for row in bad}
    assert [name for name, what in expected.items() if what == "ok" and name in aside] == []
    assert [n for n, what in expected.items() if what == "quarantine" and n not in aside] == []


def _starts(shots: list[ShotRow]) -> Iterator[int]:
    """Yield each shot's first frame, counted from its video's."""
    at = 0
    for one in shots:
        at = at if one.shot else 0
        yield at
        at += one.frames
