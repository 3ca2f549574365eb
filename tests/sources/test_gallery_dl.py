"""What gallery-dl prints: by the program (its place taken by a script), or saved; and by itself."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.sources.service import Reply, no_network, scrape, serving

from memegan.errors import SourceError
from memegan.sources.base import Post
from memegan.sources.gallery_dl import GalleryDlSource

SAVED = Path("data/inputs/cats.json")


def about(number: int, **more: object) -> dict[str, Any]:
    return {"category": "site", "id": number, "date": "2025-11-21 10:00:00", **more}


def lines(*posts: tuple[dict[str, Any], list[str]]) -> list[list[Any]]:
    found: list[list[Any]] = []
    for known, urls in posts:
        found += [[2, known], *([3, url, {**known, "num": n}] for n, url in enumerate(urls, 1))]
    return found


def source(**more: object) -> GalleryDlSource:
    known = {"kind": "gallery-dl", "community": "cats", "domain": "meme", "terms_accepted": True}
    return GalleryDlSource.model_validate({**known, **more})


def saved(value: object, **more: object) -> list[Post]:
    SAVED.parent.mkdir(parents=True, exist_ok=True)
    SAVED.write_text(json.dumps(value), encoding="utf-8")
    return list(source(path=SAVED, **more).posts(no_network))


def program(said: object, code: int = 0) -> Path:
    """Put a script called gallery-dl first in the PATH; it notes how it was called."""
    folder = Path("bin").resolve()
    folder.mkdir()
    script = folder / "gallery-dl"
    body = f"""#!{sys.executable}
import json, pathlib, sys
pathlib.Path({str(folder / "called")!r}).write_text(json.dumps(sys.argv[1:]))
print({json.dumps(said)!r})
sys.stderr.write("[site][error] HttpError: 403\\n" if {code} else "")
sys.exit({code})
"""
    script.write_text(body)
    script.chmod(0o755)
    return folder


def with_path(folder: Path) -> str:
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_a_whole_scrape_lists_by_the_program_and_downloads_by_the_engine() -> None:
    with serving(lambda asked: Reply(b"", 404)) as web:
        folder = program(lines((about(1), [f"{web.url}/1.png", f"{web.url}/2.png"])))
        known = {"kind": "gallery-dl", "community": "cats", "terms_accepted": True, "limit": 7}
        page = {"url": f"{web.url}/gallery/5", "referer": f"{web.url}/"}
        done = scrape({**known, **page}, PATH=with_path(folder))
        assert {asked.headers["Referer"] for asked in web.asked} == {f"{web.url}/"}
    assert done.code == 0, done.said
    assert [(row.post_id, row.status) for row in done.fetches] == [
        ("gallery-dl:cats:site-1", "ok")
    ] * 2
    called = json.loads((folder / "called").read_text())
    assert called == ["-J", "--post-range", "1-7", "--", page["url"]]


@pytest.mark.skipif(not shutil.which("gallery-dl"), reason="gallery-dl is optional")
def test_the_program_itself_is_understood() -> None:
    (post,) = source(url="http://127.0.0.1:9/a/1.png").preview(no_network)
    assert post.id == "directlink-1"
    assert [media.url for media in post.media] == ["http://127.0.0.1:9/a/1.png"]


def test_without_the_program_its_page_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SourceError, match=r"no program gallery-dl[^!]*docs/sources/gallery_dl\.md"):
        list(source(url="http://a.example/x").posts(no_network))


def test_the_programs_last_words_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", with_path(program([], code=4)))
    with pytest.raises(SourceError, match=r"failed: [^!]*HttpError: 403"):
        list(source(url="http://a.example/x").posts(no_network))


def test_a_post_has_its_files_texts_times_tags_and_marks() -> None:
    known = about(5, title="t", tags=["a b", "c"], rating="e", author={"name": "Ada"})
    first, second = saved(
        lines((known, ["http://a/1.png", "http://a/2.png"]), (about(6), ["ytdl:http://a/v"]))
    )
    assert [media.url for media in first.media] == ["http://a/1.png", "http://a/2.png"]
    assert (first.id, first.text, first.is_adult) == ("site-5", "t", True)
    assert first.posted_at == "2025-11-21T10:00:00Z"
    assert first.extra == {"tags": "a_b c"}
    assert "Ada" not in repr(first)
    assert (second.media, second.extra) == ((), {"left_out": "1 ytdl"})
    assert not second.is_adult


@pytest.mark.parametrize("mark", [{"nsfw": True}, {"sensitive": True}, {"rating": "R-18"}])
def test_marks_for_adults_of_several_sites_are_known(mark: dict[str, Any]) -> None:
    (post,) = saved(lines((about(1, **mark), ["http://a/1.png"])))
    assert post.is_adult


def test_two_posts_of_one_id_stay_two_and_small_pictures_are_counted() -> None:
    small = about(1, width=90, height=900)
    first, second = saved(
        lines((small, ["http://a/1"]), (about(1), ["http://a/2"])), min_size_px=99
    )
    assert (first.id, second.id) == ("site-1", "site-1-2")
    assert first.extra == {"left_out": "1 too small"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([[-1, {"error": "AuthRequired", "message": "log in"}]], "AuthRequired: log in"),
        ([[6, "http://a/other", {}]], "save it with -J"),
        ({"no": "list"}, "no list of messages"),
    ],
)
def test_what_it_cannot_list_is_told(value: object, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        saved(value)


@pytest.mark.parametrize("more", [{}, {"url": "http://a", "path": SAVED}, {"url": "--exec=x"}])
def test_a_page_or_a_file_is_named_and_no_option(more: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        source(**more)
