"""Data of DVC repositories and urls: folders, archives and single files, at a revision."""

import subprocess
import zipfile
from pathlib import Path

import pytest
from dvc.repo import Repo
from tests.fetching.web import png
from tests.sources.service import no_network, scrape

from memegan.errors import SourceError
from memegan.sources.dvc import DvcSource

REPOSITORY = Path("other")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in DVC itself


def git(*command: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
    subprocess.run(("git", *who, *command), cwd=REPOSITORY, check=True, capture_output=True)


@pytest.fixture
def repository() -> Path:
    """A repository with three pictures in its DVC cache; the tag v1 has two of them."""
    (REPOSITORY / "cats/big").mkdir(parents=True)
    git("init", "-q")
    with Repo.init(str(REPOSITORY)) as repo:
        for number, tag in ((1, ""), (2, "v1"), (3, "v2")):
            name = "big/2.png" if number == 2 else f"{number}.png"
            (REPOSITORY / "cats" / name).write_bytes(png(number))
            if tag:
                repo.add(str(REPOSITORY / "cats"))
                git("add", "-A")
                git("commit", "-qm", tag)
                git("tag", tag)
    return REPOSITORY


def source(**more: object) -> DvcSource:
    return DvcSource.model_validate({"kind": "dvc", "community": "c", "domain": "cat", **more})


def test_a_whole_scrape_brings_a_folder_of_a_repository_at_a_revision(repository: Path) -> None:
    about = {"kind": "dvc", "community": "cats", "url": "other", "path": "cats", "rev": "v1"}
    previewed = list(source(**about).preview(no_network))
    assert sorted(post.id for post in previewed) == ["1.png", "big/2.png"]
    done = scrape(about)
    assert done.code == 0, done.said
    assert [(row.url, row.status) for row in done.fetches] == [
        ("other/cats/1.png", "ok"),
        ("other/cats/big/2.png", "ok"),
    ]
    assert [post.extra.get("sub_folder", "") for post in done.posts] == ["", "big"]
    newest = source(**{**about, "rev": "v2"})
    assert [post.id for post in newest.posts(no_network)] == ["1.png", "3.png", "big/2.png"]
    assert not (source(**about).home / "files/3.png").exists()  # each revision has its place


def test_a_url_may_be_an_archive_and_what_it_lost_upstream_stays() -> None:
    def packed(numbers: tuple[int, ...]) -> None:
        with zipfile.ZipFile("cats.zip", "w") as archive:
            for number in numbers:
                archive.writestr(f"{number}.png", png(number))

    packed((1, 2))
    cats = source(url="cats.zip")
    assert [post.media[0].url for post in cats.preview(no_network)] == ["cats.zip"]
    first = list(cats.posts(no_network))
    assert [post.extra["member_name"] for post in first] == ["1.png", "2.png"]
    packed((3,))
    assert len(list(cats.posts(no_network))) == 3
    asked = cats.request(first[1].media[0].url)
    assert asked.file is not None
    assert asked.file.exists()
    assert asked.member == 1


def test_a_single_file_and_a_folder_are_brought_and_links_are_left() -> None:
    Path("cats").mkdir()
    Path("cats/1.png").write_bytes(png(1))
    cats = source(url="cats/1.png")
    (post,) = cats.posts(no_network)
    file = cats.request(post.media[0].url).file
    assert file is not None
    assert file.read_bytes() == png(1)
    assert [post.id for post in source(url="cats").posts(no_network)] == ["1.png"]


def test_what_somebody_tidied_away_is_brought_again() -> None:
    Path("1.png").write_bytes(png(1))
    cats = source(url="1.png")
    (post,) = cats.posts(no_network)
    next((cats.home / "files").iterdir()).unlink()
    (cats.home / "part-of-a-killed-run").mkdir()
    file = cats.request(post.media[0].url).file
    assert file is not None
    assert file.read_bytes() == png(1)
    assert sorted(path.name for path in cats.home.iterdir()) == ["archives", "files"]


def test_what_cannot_be_brought_is_told_and_nothing_is_left() -> None:
    nowhere = source(url="nowhere")
    with pytest.raises(
        SourceError, match=r"DVC refuses: [^!]*does not exist[^!]*where: [^!]*dvc:c"
    ):
        list(nowhere.posts(no_network))
    assert [path for path in nowhere.home.rglob("*") if path.is_file()] == []
