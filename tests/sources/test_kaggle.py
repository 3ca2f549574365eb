"""Kaggle on loopback: one zip, its listing, broken downloads, refusals."""

import base64
import io
import zipfile
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.fetching.web import png
from tests.sources.service import Asked, Reply, fetch, scrape, serving

from memegan.errors import SourceError
from memegan.sources.kaggle import KEY, TOKEN, USER, KaggleSource

SECRET = "k4ggle-t0ken"


def packed(*numbers: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("about.csv", "id\n")
        for number in numbers:
            archive.writestr(f"monet/{number}.png", png(number))
    return file.getvalue()


def kaggle(asked: Asked) -> object:
    """Answer as Kaggle does: the zip lies on a storage host that needs no token."""
    if asked.path == "/storage.zip":
        assert "Authorization" not in asked.headers
        return Reply(packed(1, 2, 3), headers={"ETag": '"one"'})
    if asked.headers.get("Authorization") != f"Bearer {SECRET}":
        return Reply(b'{"code": 401}', 401)
    if asked.path == "/datasets/list/ada/cats":
        first = {"datasetFiles": [{"name": "about.csv"}, {"name": "monet/1.png"}]}
        second = {"datasetFiles": [{"name": "monet/2.png"}]}
        return second if asked.query.get("pageToken") else {**first, "nextPageToken": "x"}
    storage = f"http://127.0.0.1:{asked.headers['Host'].rpartition(':')[2]}/storage.zip"
    return Reply(b"", 302, {"Location": storage})


def source(**more: object) -> KaggleSource:
    about = {"kind": "kaggle", "community": "cats", "domain": "monet", "terms_accepted": True}
    dataset = {} if "competition" in more else {"dataset": "ada/cats"}
    return KaggleSource.model_validate({**about, **dataset, **more})


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, SECRET)
    monkeypatch.delenv(KEY, raising=False)


def test_a_whole_scrape_of_a_dataset_reads_its_pictures_out_of_the_zip() -> None:
    with serving(kaggle) as web:
        about = {"kind": "kaggle", "community": "cats", "dataset": "ada/cats"}
        done = scrape({**about, "api": web.url, "terms_accepted": True})
        assert [asked.path for asked in web.asked] == [
            "/datasets/download/ada/cats",
            "/storage.zip",
        ]
    assert done.code == 0, done.said
    assert [post.extra["member_name"] for post in done.posts] == [
        f"monet/{n}.png" for n in (1, 2, 3)
    ]
    assert {row.status for row in done.fetches} == {"ok"}
    assert done.fetches[0].url.startswith("https://www.kaggle.com/datasets/ada/cats#")
    assert SECRET not in done.said


def test_a_preview_lists_files_page_by_page_and_downloads_nothing() -> None:
    with serving(kaggle) as web:
        posts = list(source(api=web.url, version=3).preview(fetch))
        assert [asked.query["datasetVersionNumber"] for asked in web.asked] == ["3", "3"]
    assert [post.id for post in posts] == ["monet/1.png", "monet/2.png"]


@pytest.mark.parametrize("changes", [False, True])
def test_a_download_that_breaks_off_goes_on_unless_the_zip_changed(changes: bool) -> None:
    whole, newer = packed(1, 2, 3), packed(4)

    def answer(asked: Asked) -> object:
        first = len(web.asked) == 1
        wanted = asked.headers.get("Range", "")
        if first:  # promises all, sends a half
            return Reply(whole[: len(whole) // 2], 200, {"ETag": '"one"'}, len(whole))
        tag = '"two"' if changes else '"one"'
        if wanted and asked.headers["If-Range"] == tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            return Reply(whole[start:], 206, {"ETag": tag})
        return Reply(newer if changes else whole, 200, {"ETag": tag})

    with serving(answer) as web:
        posts = list(source(api=web.url).posts(fetch))
        assert [asked.headers.get("Range") for asked in web.asked] == [
            None,
            f"bytes={len(whole) // 2}-",
        ]
    assert len(posts) == (1 if changes else 3)


@pytest.mark.parametrize("tag", ['"one"', ""])
def test_a_part_that_cannot_go_on_is_begun_anew(tag: str) -> None:
    def answer(asked: Asked) -> object:
        known = {"ETag": tag} if tag else {}
        return Reply(b"", 416) if "Range" in asked.headers else Reply(packed(1), 200, known)

    with serving(answer) as web:
        cats = source(api=web.url)
        cats.home.mkdir(parents=True)
        (cats.home / "download.part").write_bytes(packed(1, 2))
        (cats.home / "download.etag").write_text(tag)
        assert len(list(cats.posts(fetch))) == 1
        assert len(web.asked) == (2 if tag else 1)


@pytest.mark.parametrize(
    ("status", "mend"), [(401, TOKEN), (403, "accept the rules"), (404, "mend the name")]
)
def test_a_refusal_says_what_to_do_and_keeps_the_token(status: int, mend: str) -> None:
    with (
        serving(lambda asked: Reply(b"{}", status)) as web,
        pytest.raises(SourceError, match=rf"status {status}[^!]*{mend}") as told,
    ):
        list(source(api=web.url).posts(fetch))
    assert SECRET not in str(told.value)


def test_a_page_instead_of_a_zip_and_one_that_is_too_large_are_told() -> None:
    with serving(lambda asked: Reply(b"<html>log in")) as web:
        cats = source(api=web.url)
        with pytest.raises(SourceError, match="no zip"):
            list(cats.posts(fetch))
        assert [path for path in cats.home.rglob("*.part") if path.is_file()] == []
    with serving(lambda asked: Reply(packed(1))) as web, pytest.raises(SourceError, match="max_gb"):
        list(source(api=web.url, max_gb=1e-8).posts(fetch))


def test_a_competition_and_the_older_kind_of_token_are_understood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(TOKEN)
    monkeypatch.setenv(USER, "ada")
    monkeypatch.setenv(KEY, "k3y")
    with serving(lambda asked: Reply(packed(1))) as web:
        posts = list(source(api=web.url, competition="gan-start").posts(fetch))
        (asked,) = web.asked
    assert asked.path == "/competitions/data/download-all/gan-start"
    assert base64.b64decode(asked.headers["Authorization"].removeprefix("Basic ")) == b"ada:k3y"
    assert posts[0].media[0].url.startswith("https://www.kaggle.com/competitions/gan-start#")


def test_a_busy_server_is_asked_again() -> None:
    def answer(asked: Asked) -> object:
        return Reply(b"", 503) if len(web.asked) == 1 else Reply(packed(1))

    with serving(answer) as web:
        assert len(list(source(api=web.url).posts(fetch))) == 1


@pytest.mark.parametrize("more", [{"competition": "x", "dataset": "a/b"}, {"dataset": ""}])
def test_either_a_dataset_or_a_competition_is_named(more: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="either `dataset` or `competition`"):
        source(**more)


def test_without_a_token_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN)
    with pytest.raises(SourceError, match=rf"no {TOKEN}[^!]*docs/sources/kaggle\.md"):
        list(source(api="http://localhost:9").posts(fetch))
    assert not Path("data").exists()
