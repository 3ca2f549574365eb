"""Packs: what was put in comes out, the same members give the same bytes, faults are told."""

import resource
import tarfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memegan.errors import DataError
from memegan.packs import (
    HashedPacks,
    Place,
    _header,
    member_name,
    members,
    read_place,
    write_series,
)

BLOBS = st.lists(st.binary(max_size=1500), max_size=12)


def blob(number: int, size: int = 700) -> bytes:
    return number.to_bytes(4) * (size // 4)


def hashed(folder: Path, blobs: list[bytes], limit_bytes: int = 4000) -> dict[str, Place]:
    with HashedPacks(folder, limit_bytes) as packs:
        for data in blobs:
            packs.add(member_name(data, "bin"), data)
    return packs.places


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@given(
    st.text("abcXYZ019._-/", min_size=1, max_size=90).filter(lambda name: not name.endswith("/")),
    st.integers(0, 8**11 - 1),
)
def test_a_header_is_what_tarfile_writes(name: str, size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    assert _header(name, size) == info.tobuf(tarfile.USTAR_FORMAT)


@given(BLOBS, st.integers(0, 5000))
def test_a_series_gives_back_every_member_in_its_order(blobs: list[bytes], limit: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        named = [(member_name(data, "bin"), data) for data in blobs]
        places = write_series(folder, "s", named, limit)
        assert [read_place(place) for place in places] == blobs
        assert [place.member for place in places] == [member for member, _ in named]
        listed = [p for pack in sorted(folder.glob("*.tar")) for p in members(pack)]
        assert listed == places


@given(BLOBS, st.integers(1, 5000), st.randoms(use_true_random=False))
def test_hashed_packs_do_not_depend_on_the_order_of_adding(
    blobs: list[bytes], limit: int, random: Random
) -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        mixed = blobs * 2
        random.shuffle(mixed)
        places = hashed(Path(one), blobs, limit)
        hashed(Path(other), mixed, limit)
        assert contents(Path(one)) == contents(Path(other))
        assert {read_place(place) for place in places.values()} == set(blobs)


def test_a_pack_is_closed_before_its_limit_and_a_large_member_has_its_own(tmp_path: Path) -> None:
    sizes = [400, 400, 400, 5000, 400]
    named = [(f"{n}.bin", blob(n, size)) for n, size in enumerate(sizes)]
    places = write_series(tmp_path, "2026-11-21", named, limit_bytes=1000)
    packs = [Path(place.pack).name for place in places]
    assert packs == [f"2026-11-21-{n:04d}.tar" for n in (0, 0, 1, 2, 3)]


def test_one_more_member_rewrites_one_pack(tmp_path: Path) -> None:
    blobs = [blob(n) for n in range(60)]
    hashed(tmp_path / "before", blobs, 4000)
    hashed(tmp_path / "after", [*blobs, blob(1000)], 4000)
    before, after = contents(tmp_path / "before"), contents(tmp_path / "after")
    assert len(before) == 16
    changed = [name for name in after if before.get(name) != after[name]]
    assert changed == [f"{member_name(blob(1000), 'bin')[0]}.tar"]


def test_any_tar_lists_a_pack_without_times_and_owners(tmp_path: Path) -> None:
    write_series(tmp_path, "s", [("a.png", b"abc")])
    with tarfile.open(tmp_path / "s-0000.tar", "r:") as tar:
        (info,) = tar.getmembers()
        assert (info.name, info.size, info.mtime, info.uid, info.uname) == ("a.png", 3, 0, 0, "")
    assert (tmp_path / "s-0000.tar").stat().st_size % 512 == 0


def test_a_failure_leaves_no_pack_and_no_part(tmp_path: Path) -> None:
    (place,) = write_series(tmp_path, "s", [("a.bin", b"old")])
    old = contents(tmp_path)
    with pytest.raises(ZeroDivisionError):
        write_series(tmp_path, "s", ((f"{n}.bin", bytes(1 // (1 - n))) for n in range(2)))
    with suppress(ZeroDivisionError), HashedPacks(tmp_path) as packs:
        packs.add("b.bin", b"b")
        packs.add("c.bin", bytes(1 // 0))
    assert contents(tmp_path) == old
    assert read_place(place) == b"old"


def test_a_full_disk_is_an_error_and_the_old_pack_stays(tmp_path: Path) -> None:
    write_series(tmp_path, "s", [("a.bin", b"old")])
    old = contents(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))  # a write stops in its middle
    try:
        with pytest.raises(OSError, match="too large"):
            write_series(tmp_path, "s", [("a.bin", bytes(10_000))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert contents(tmp_path) == old


def test_nothing_added_writes_nothing(tmp_path: Path) -> None:
    assert hashed(tmp_path / "none", []) == {}
    assert write_series(tmp_path / "none", "s", []) == []
    assert contents(tmp_path / "none") == {}


def test_a_pack_that_is_missing_short_or_of_other_bytes_is_told(tmp_path: Path) -> None:
    data = blob(1)
    (place,) = write_series(tmp_path, "s", [(member_name(data, "bin"), data)])
    pack = Path(place.pack)
    whole = pack.read_bytes()
    pack.write_bytes(whole[: place.offset] + blob(2) + whole[place.offset + len(data) :])
    with pytest.raises(DataError, match=rf"other bytes lie at 512 than those of {place.member}"):
        read_place(place)
    pack.write_bytes(whole[: place.offset + 10])
    with pytest.raises(DataError, match="the pack ends inside"):
        read_place(place)
    pack.write_bytes(whole)
    assert read_place(place) == data
    with pytest.raises(DataError, match="other bytes lie at 513"):
        read_place(replace(place, offset=513))
    with pytest.raises(DataError, match="the pack ends inside"):
        read_place(replace(place, offset=1 << 40))
    pack.unlink()
    with pytest.raises(DataError, match="the pack cannot be read: No such file") as caught:
        read_place(place)
    assert "dvc pull" in caught.value.fix


def test_places_are_read_below_another_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (place,) = write_series(Path("data/raw/packs"), "s", [("a.bin", b"abc")])
    assert place.pack == "data/raw/packs/s-0000.tar"
    monkeypatch.chdir("/")
    assert read_place(place, tmp_path) == b"abc"
