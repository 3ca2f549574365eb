import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.fetching.web import png

from memegan.errors import SourceError
from memegan.fetching.engine import Engine
from memegan.fetching.params import EngineParams
from memegan.fetching.scrape import scrape
from memegan.fetching.store import Store
from memegan.records import FetchRow, PostRow
from memegan.sources.archive import ArchiveSource
from memegan.tables import read_table
from memegan.takedown import Banned

SOUND = {"cats/1.png": png(1), "2.png": png(2), "notes.txt": b"no picture", "cats/3.png": png(3)}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("data/inputs").mkdir(parents=True)
    return tmp_path


def reasons(path: Path) -> list[str]:
    return [row.reason for row in fetched(path)]


def fetched(path: Path) -> list[FetchRow]:
    source = ArchiveSource(kind="archive", community="cats", domain="cat", path=path)
    with Store(Path("store")) as store:
        engine = Engine(EngineParams(), store, "2026-11-21")
        scrape([source], engine, Banned.load(), 1.0, Path("data/raw"))
    return read_table(Path("data/raw/fetches.csv"), FetchRow)


def a_zip(name: str, members: dict[str, bytes]) -> Path:
    path = Path("data/inputs", name)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return path


def a_tar(name: str, members: dict[str, bytes], *more: tarfile.TarInfo) -> Path:
    path = Path("data/inputs", name)
    modes = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}
    with tarfile.open(path, modes.get(path.suffix, "w")) as archive:  # type: ignore[call-overload] # a text, not a Literal
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in more:
            archive.addfile(info)
    return path


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_members_are_posts_named_by_number_with_their_name_as_a_column(kind: str) -> None:
    path = (a_zip if kind == "zip" else a_tar)(f"a.{kind}", SOUND)
    rows = fetched(path)
    assert [row.url.rpartition("#")[2] for row in rows] == ["0", "1", "3"]
    assert {row.status for row in rows} == {"ok"}
    posts = read_table(Path("data/raw/posts.csv"), PostRow)
    assert [post.extra["member_name"] for post in posts] == ["cats/1.png", "2.png", "cats/3.png"]
    assert posts[0].extra["sub_folder"] == "cats"


@pytest.mark.parametrize("name", ["../up.png", "/top.png", "a/../../up.png", "C:\\up.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_climb_are_refused_and_nothing_is_written_by_them(name: str, kind: str) -> None:
    path = (a_zip if kind == "zip" else a_tar)(f"a.{kind}", {name: png(1), "good.png": png(2)})
    before = set(Path("..").resolve().iterdir())
    assert reasons(path) == ["unsafe_member", ""]
    assert set(Path("..").resolve().iterdir()) == before


def test_links_and_devices_are_refused() -> None:
    odd = []
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        info = tarfile.TarInfo(f"{ord(kind)}.png")
        info.type, info.linkname = kind, "good.png"
        odd.append(info)
    assert reasons(a_tar("a.tar", {"good.png": png(1)}, *odd)) == ["", *["unsafe_member"] * 4]
    with zipfile.ZipFile("data/inputs/a.zip", "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.png", png(1))
    assert reasons(Path("data/inputs/a.zip")) == ["unsafe_member", ""]


def test_a_bomb_in_a_zip_is_one_bad_member() -> None:
    path = a_zip("a.zip", {"bomb.png": bytes(20_000_000), "good.png": png(1)})
    assert reasons(path) == ["unsafe_member", ""]


def test_a_compressed_tar_that_is_a_bomb_is_refused_whole() -> None:
    with pytest.raises(SourceError, match="200 times its size"):
        fetched(a_tar("a.tar.gz", {"bomb.png": bytes(20_000_000)}))


def test_a_damaged_member_is_a_row() -> None:
    path = Path("data/inputs/a.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in SOUND.items():
            archive.writestr(member, data)
    whole = bytearray(path.read_bytes())
    whole[whole.find(png(2)) + 45] ^= 0xFF
    path.write_bytes(whole)
    assert reasons(path) == ["", "truncated", ""]


@pytest.mark.parametrize("is_cut", [True, False])
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_that_cannot_be_read_is_told(is_cut: bool, kind: str) -> None:
    path = (a_zip if kind == "zip" else a_tar)(f"a.{kind}", SOUND)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if is_cut else b"not an archive")
    with pytest.raises(SourceError, match="cannot be read"):
        fetched(path)


def test_a_tar_that_ends_with_a_zip_is_a_tar() -> None:
    inner = a_zip("inner.zip", {"x.png": png(1)}).read_bytes()
    assert reasons(a_tar("a.tar", {"1.png": png(1), "inner.zip": inner})) == ["", "not_media"]
