from pathlib import Path

import pytest
from tests.fetching.web import png

from memegan.errors import SourceError
from memegan.fetching.engine import Engine
from memegan.fetching.params import EngineParams
from memegan.fetching.scrape import scrape
from memegan.fetching.store import Store
from memegan.records import FetchRow
from memegan.sources.base import Request, digest_of
from memegan.sources.folder import FolderSource
from memegan.tables import read_table
from memegan.takedown import Banned


def no_network(request: Request) -> bytes:
    raise AssertionError(request)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = Path("data/inputs/cats")
    (folder / "black cats").mkdir(parents=True)
    (folder / "2.png").write_bytes(png(2))
    (folder / "black cats/1 #?.png").write_bytes(png(1))
    (folder / "broken.png").write_bytes(png(3)[:30])
    (folder / "labels.csv").write_text("a note")
    (folder / ".hidden.png").write_bytes(png(4))
    return tmp_path


def fetched(source: FolderSource, tmp_path: Path) -> list[FetchRow]:
    with Store(tmp_path / "store") as store:
        engine = Engine(EngineParams(), store, "2026-11-21")
        scrape([source], engine, Banned.load(), 1.0, Path("data/raw"))
    return read_table(Path("data/raw/fetches.csv"), FetchRow)


def cats(path: Path, sha256: str = "") -> FolderSource:
    return FolderSource(kind="folder", community="cats", domain="cat", path=path, sha256=sha256)


def test_each_file_is_a_post_and_a_sub_folder_a_column() -> None:
    posts = list(cats(Path("data/inputs/cats")).posts(no_network))
    assert [post.id for post in posts] == ["2.png", "black cats/1 #?.png", "broken.png"]
    assert posts[1].extra == {"sub_folder": "black cats"}


def test_files_are_read_decoded_and_packed_whatever_their_names(tmp_path: Path) -> None:
    rows = fetched(cats(Path("data/inputs/cats")), tmp_path)
    assert [row.reason for row in rows] == ["", "", "truncated"]
    assert rows[1].url == "file:data/inputs/cats/black%20cats/1%20%23%3F.png"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(9))
    link = Path("data/inputs/cats/link.png")
    try:
        link.symlink_to(secret)
    except OSError:  # Windows without the right to make links has none to follow
        return
    reasons = {
        row.url.rpartition("/")[2]: row.reason for row in fetched(cats(link.parent), tmp_path)
    }
    assert reasons["link.png"] == "unsafe_member"


def test_outside_the_inputs_a_digest_notices_changes_and_no_path_is_shown(tmp_path: Path) -> None:
    outside = Path("data/inputs/cats").rename(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="needs its sha256"):
        fetched(cats(outside), tmp_path)
    source = cats(outside, digest_of(outside))
    rows = fetched(source, tmp_path)
    assert (rows[0].url, rows[0].status) == ("file:cats/2.png", "ok")
    (outside / "2.png").write_bytes(png(5))
    with pytest.raises(SourceError, match="it has changed"):
        fetched(source, tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        fetched(cats(Path("data/inputs/dogs")), tmp_path)
