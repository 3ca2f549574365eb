import hashlib
import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.fetching.web import Answer, Web, png, serving
from tests.images.pictures import drawn, encoded

from memegan.cli.dedup import dedup
from memegan.cli.fetch import fetch
from memegan.cli.sources import sources
from memegan.cli.takedown import takedown
from memegan.errors import ParamsError
from memegan.fetching.params import ScrapeParams
from memegan.params import load_section
from memegan.records import FetchRow, Row
from memegan.sources.base import digest_of
from memegan.sources.folder import FolderSource
from memegan.tables import columns, read_table, write_table
from memegan.takedown import Banned


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


def near(web: Web, path: str, *answers: Answer) -> str:
    """A url whose host is named as private."""
    web.give(path, *answers)
    return f"http://localhost:{web.server_port}{path}"


def test_fetch_takes_bare_urls_and_goes_on_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as web:
        urls = [near(web, "/1.png", Answer(png(1))), near(web, "/2.png", Answer(b"", 404))]
        out = Path("pictures")
        fetch(urls, out=out, private=["localhost"], as_json=True)
        assert json.loads(capsys.readouterr().out) == {"counts": {"gone": 1, "ok": 1}}
        web.give("/2.png", Answer(png(2)))
        fetch(urls, out=out, private=["localhost"])
        assert capsys.readouterr().out.startswith("1 gone, 1 ok\n")
        fetch(urls, out=out, private=["localhost"], retry="failed")
        assert capsys.readouterr().out.startswith("2 ok\n")
        assert web.asked == {"/1.png": 1, "/2.png": 2}
    assert [row.status for row in read_table(out / "fetches.csv", FetchRow)] == ["ok", "ok"]


def test_fetch_of_a_list_needs_a_folder() -> None:
    with pytest.raises(ParamsError, match="add --out DIR"):
        fetch(["http://a.example/1.png"])


PACKED = f"archives/{'f' * 16}"
PARAMS = """# mine
scrape:
  snapshot: "2026-11-21"
  sources:
    - kind: urls
      community: list
      domain: face
      path: data/inputs/list.txt
    - kind: folder
      path: {outside}
      community: cats  # all of them
      domain: cat
"""


def test_sources_check_counts_and_write_fills_in_digests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cats, inputs = tmp_path / "cats", tmp_path / "data/inputs"
    cats.mkdir()
    inputs.mkdir(parents=True)
    (cats / "1.png").write_bytes(png(1))
    (inputs / "list.txt").write_text("http://a.example/1.png\nhttp://a.example/2.png\n")
    params = Path("params.yaml")
    params.write_text(PARAMS.format(outside="../" + tmp_path.name + "/cats"))
    with pytest.raises(typer.Exit):
        sources("check")
    assert "needs its sha256" in capsys.readouterr().out
    for content in (png(1), png(2)):  # filled in, then replaced
        (cats / "1.png").write_bytes(content)
        sources("check", dry_run=True, write=True, as_json=True)
        assert json.loads(capsys.readouterr().out) == [
            {"source": "urls:list", "posts": 2, "media": 2, "to_ask_for": 2},
            {"source": "folder:cats", "posts": 1, "media": 1, "to_ask_for": 0},
        ]
        source = load_section(ScrapeParams, "scrape").sources[1]
        assert isinstance(source, FolderSource)
        assert source.sha256 == digest_of(cats)
    assert "# mine" in params.read_text()
    assert "# all of them" in params.read_text()
    assert params.read_text().count("\n") == PARAMS.count("\n") + 1


def test_takedown_names_rows_and_models_and_is_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    example: dict[str, Any] = {c.name: c.example for c in columns(Row)}
    like = Row(**example)
    first = replace(like, id="a" * 16, origin_sha256="a" * 64, url="http://a.example/1.png")
    other = replace(like, id="b" * 16, origin_sha256="b" * 64, url="http://a.example/2.png")
    third = replace(other, id="c" * 16, origin_sha256="c" * 64, post_id="demo:cats:3", split="test")
    write_table(Path("data/manifest.csv"), Row, [first, other, third])
    for run, data in (("cyclegan", {"a": "photo", "b": "cartoon"}), ("hypergan", {"a": "meme"})):
        Path("models", run).mkdir(parents=True)
        about = {"run": {"data": data}, "memegan_key": run}
        Path("models", run, "model.json").write_text(json.dumps(about))
    takedown(["http://a.example/1.png", "c" * 16], as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["models"]) == (
        ["a" * 16, "c" * 16],
        {"cyclegan": {"train": 1, "test": 1}},
    )
    assert (found["added"], found["then"][0]) == (2, "dvc repro")
    banned = Banned.load()
    assert banned.reason(urls=["http://a.example/1.png"]) == "takedown"
    assert banned.reason(sha256="c" * 64) == "takedown"
    takedown(["http://a.example/1.png"])
    assert capsys.readouterr().out.startswith("0 new of 1 in data/takedown.csv\n")
    with pytest.raises(ParamsError, match="no url, post id"):
        takedown(["what"])


def test_takedown_reaches_what_was_brought_and_names_the_archive_that_holds_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = Path(".memegan/brought/dvc-1")
    for path, content in (("files/a/1.png", png(1)), ("files/2.png", png(2)), (PACKED, b"zip")):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_bytes(content)
    digest = hashlib.sha256(png(1)).hexdigest()
    takedown(
        [digest, f"https://a.example/cats#{Path(PACKED).name}.4", "http://a.example/2.png"],
        as_json=True,
    )
    found = json.loads(capsys.readouterr().out)
    assert found["removed_from_store"] == 1
    assert [path.name for path in (home / "files").rglob("*.png")] == ["2.png"]
    assert found["then"][0].startswith(f"delete {(home / PACKED).as_posix()} ")


def test_takedown_forgets_what_dedup_saw() -> None:
    files = [encoded(drawn(seed)) for seed in (1, 2)]
    Path("photos").mkdir()
    for number, data in enumerate(files):
        Path(f"photos/{number}.png").write_bytes(data)
    dedup([Path("photos")], Path("clean"))
    (memory,) = Path(".memegan/dedup").glob("*.sqlite")
    gone, stays = (hashlib.sha256(data).hexdigest() for data in files)
    takedown([gone])
    with sqlite3.connect(memory) as db:
        assert db.execute("SELECT sha256 FROM looks").fetchall() == [(stays,)]
