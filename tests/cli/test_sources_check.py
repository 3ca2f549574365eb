"""`memegan sources check`: tokens, counts, first pages, no download; mistakes with their line."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import typer
import yaml
from tests.sources.service import Asked, Service, serving
from tests.sources.test_reddit import feed
from tests.sources.test_vk import SECRET, error, item, photo, wall

from memegan.cli.sources import sources
from memegan.errors import ParamsError
from memegan.sources.kaggle import TOKEN as KAGGLE_TOKEN
from memegan.sources.vk import TOKEN


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv(TOKEN, SECRET)
    monkeypatch.setenv(KAGGLE_TOKEN, "any")


def answer(asked: Asked) -> object:
    """VK with 150 posts, one refused community; a dataset of Kaggle."""
    if asked.path.startswith("/datasets/list"):
        return {"datasetFiles": [{"name": "1.png"}, {"name": "2.png"}]}
    if asked.query.get("domain") == "closed":
        return error(15, f"Access denied for {SECRET}")
    return wall([item(n, photo(f"http://localhost:9/{n}.png")) for n in range(150)])(asked)


def written(web: Service, *about: Mapping[str, object]) -> list[int]:
    """Write params.yaml; return the line of each source."""
    listed = [{"domain": "meme", "terms_accepted": True, **one} for one in about]
    scrape = {"snapshot": "2026-11-21", "allow_private_hosts": ["localhost"], "sources": listed}
    text = yaml.safe_dump({"scrape": {"api_requests_per_s": 1000, **scrape}}, sort_keys=False)
    Path("params.yaml").write_text(text)
    return [n for n, line in enumerate(text.splitlines(), 1) if line.startswith("  - domain")]


def vk(web: Service, community: str, **more: object) -> dict[str, object]:
    return {"kind": "vk", "community": community, "api": f"{web.url}/method", **more}


def test_first_pages_are_counted_and_nothing_is_downloaded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(answer) as web:
        kaggle = {"kind": "kaggle", "community": "m", "dataset": "ada/cats", "api": web.url}
        written(web, vk(web, "cats"), vk(web, "dogs", limit=5), kaggle)
        sources("check", as_json=True)
        assert {asked.path for asked in web.asked} == {
            "/method/wall.get",
            "/datasets/list/ada/cats",
        }
    assert json.loads(capsys.readouterr().out) == [
        {"source": "vk:cats", "posts_and_more": 100, "in_all": 150, "media": 100},
        {"source": "vk:dogs", "posts": 5, "in_all": 150, "media": 5},
        {"source": "kaggle:m", "posts": 2, "media": 2},
    ]


def test_a_dry_run_lists_all_and_still_downloads_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(answer) as web:
        kaggle = {"kind": "kaggle", "community": "m", "dataset": "ada/cats", "api": web.url}
        written(web, vk(web, "cats"), kaggle)
        sources("check", dry_run=True)
        assert {asked.path for asked in web.asked} == {
            "/method/wall.get",
            "/datasets/list/ada/cats",
        }
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "vk:cats: 150 posts, 150 in all, 150 media, 150 to ask for",
        "kaggle:m: 2 posts, 2 media",
    ]


def test_what_is_refused_is_told_with_its_line_and_the_others_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(answer) as web:
        lines = written(web, vk(web, "closed"), vk(web, "cats"))
        with pytest.raises(typer.Exit):
            sources("check")
    told = capsys.readouterr().out
    assert f"params.yaml line {lines[0]}: vk:closed: VK refuses: Access denied for ***" in told
    assert "\nvk:cats: 100 posts and more, 150 in all, 100 media\n" in told
    assert SECRET not in told


def test_a_token_that_is_missing_is_told_with_the_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN)
    with serving(answer) as web:
        lines = written(web, vk(web, "cats"))
        with pytest.raises(typer.Exit):
            sources("check", as_json=True)
        assert web.asked == []
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["source"], told["line"]) == ("vk:cats", lines[0])
    assert "no VK_SERVICE_TOKEN" in told["error"]


def test_mistakes_of_the_parameters_name_their_line() -> None:
    with serving(answer) as web:
        (line,) = written(web, vk(web, "cats", since="yesterday", terms_accepted=False))
        with pytest.raises(ParamsError) as told:
            sources("check")
    text = Path("params.yaml").read_text().splitlines()
    for name, what in (("terms_accepted", "read the terms on docs/sources/vk.md"), ("since", "")):
        number = next(n for n, written in enumerate(text, 1) if f"{name}:" in written)
        assert number > line
        assert f"line {number}: scrape.sources.0.{name}: {what}" in str(told.value)


def test_a_source_that_is_asked_over_the_network_needs_no_digest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(feed) as web:
        about = {"kind": "reddit", "community": "cats", "by": "rss", "site": web.url, "pause_s": 0}
        written(web, about)
        before = Path("params.yaml").read_text()
        sources("check", write=True)
    assert Path("params.yaml").read_text() == before
    assert capsys.readouterr().out == "reddit:cats: 3 posts, 2 media\n"


def test_a_source_that_lists_nothing_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(answer) as web:
        (line,) = written(web, vk(web, "cats", since="2100-01-01"))
        with pytest.raises(typer.Exit):
            sources("check")
    assert f"params.yaml line {line}: vk:cats: it lists no post" in capsys.readouterr().out
