"""One picture followed through fetching, tables, packs, model and back; taken down; gone."""

import io
import json
import runpy
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from tests.fetching.web import Answer, Web, serving

from memegan.cli.lineage import lineage
from memegan.cli.takedown import takedown
from memegan.records import TABLES, DuplicateRow, FetchRow, PostRow, Row
from memegan.tables import read_table
from memegan.takedown import BLOCKLIST, TAKEDOWN
from memegan.training.run import train_run

ROOT = Path(__file__).parents[2]
DATA = ("scrape", "frames", "dedup", "select", "resize", "manifest")
FETCHES, DUPLICATES = Path("data/raw/fetches.csv"), Path("data/dedup/duplicates.csv")
POSTS = "data/raw/posts.csv"
PICTURES = 24
ONE, OTHERS = "one", [f"p{n}" for n in range(PICTURES)]


def picture(seed: int, kind: str = "PNG", **options: int) -> bytes:
    """A smooth picture of 96x96 px, another for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((96, 96), Image.Resampling.BICUBIC).save(file, kind, **options)
    return file.getvalue()


def stages(*names: str) -> None:
    for name in names:
        runpy.run_path(str(ROOT / f"stages/{name}.py"))["main"]()


@pytest.fixture
def web() -> Iterator[Web]:
    """A host with one picture, its copy, its like in JPEG, and two dozen others."""
    with serving() as web:
        web.give("/one", Answer(picture(1000)))
        web.give("/copy", Answer(picture(1000)))
        web.give("/alike", Answer(picture(1000, "JPEG", quality=88)))
        for number, name in enumerate(OTHERS):
            web.give(f"/{name}", Answer(picture(number)))
        yield web


@pytest.fixture
def at(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A tiny project that reads this host; give where the host is."""
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *sys.path[1:]])  # stages put src first
    monkeypatch.setenv("MEMEGAN_TRACKING", "spool")
    for name in ("DVC_ROOT", "DVC_STAGE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("src", "stages", "dvc.yaml", str(TAKEDOWN), str(BLOCKLIST)):
        Path(name).parent.mkdir(exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, name)
    at = f"http://localhost:{web.server_port}"
    Path("data/inputs").mkdir()
    listed = [f"{at}/{name}\n" for name in (ONE, "copy", "alike", *OTHERS)]
    Path("data/inputs/list.txt").write_text("".join(listed))
    params = yaml.safe_load((ROOT / "src/memegan/presets/tiny.yaml").read_text("utf-8"))
    source = {"kind": "urls", "community": "list", "domain": "meme", "path": "data/inputs/list.txt"}
    params["scrape"] |= {"sources": [source], "allow_private_hosts": ["localhost"]}
    params["scrape"] |= {"requests_per_s": 1000}
    run = params["train"]["hypergan"] | {"total_images": 16, "checkpoint_every_images": 16}
    run |= {"log_every_images": 16, "grid_every_images": 16}
    params["train"] = {"hypergan": run}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    return at


def packed() -> list[bytes]:
    """The bytes of all members of all packs."""
    found = []
    for path in sorted(Path("data").rglob("*.tar")):
        with tarfile.open(path) as pack:
            found += [file.read() for one in pack if (file := pack.extractfile(one))]
    return found


def told(call: Any, what: Any, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:  # noqa: ANN401
    """What a command says as JSON."""
    call(what, as_json=True)
    return dict(json.loads(capsys.readouterr().out))


def test_a_picture_is_followed_through_everything_and_after_takedown_it_is_gone(
    at: str, web: Web, capsys: pytest.CaptureFixture[str]
) -> None:
    stages(*DATA)
    train_run("hypergan", "cpu")
    ends = {row.url.rpartition("/")[2]: row for row in read_table(FETCHES, FetchRow)}
    assert (ends["copy"].reason, ends["copy"].sha256) == ("duplicate", ends[ONE].sha256)
    (pair,) = {p.url for p in read_table(DUPLICATES, DuplicateRow) if p.url.endswith("/alike")}
    first = told(lineage, f"{at}/{ONE}", capsys)
    (row,) = first["rows"]["data/manifest.csv"]
    assert first["models"] == {"hypergan": {row["split"]: 1}}
    generated = next(Path("samples/hypergan").glob("*.png"))
    assert told(lineage, generated.as_posix(), capsys)["run"] == "hypergan"

    found = told(takedown, [f"{at}/{ONE}"], capsys)
    assert found["rows"] == [row["id"]]
    assert found["models"] == first["models"]
    assert {"models/hypergan", "samples/hypergan", "data/card.md"} <= {*found["made_with_them"]}
    assert found["removed_from_store"] == 2
    assert any(step.startswith("dvc gc") for step in found["then"])

    asked, before = web.asked.copy(), json.loads(Path("models/hypergan/model.json").read_text())
    shutil.rmtree("data/raw")  # as DVC does
    stages(*DATA)
    train_run("hypergan", "cpu")
    assert web.asked == asked
    gone = {picture(1000), picture(1000, "JPEG", quality=88)}
    assert not gone & {*packed()}
    assert not any(gone & {p.read_bytes()} for p in Path(".memegan").rglob("*") if p.is_file())
    ends = {row.url.rpartition("/")[2]: row for row in read_table(FETCHES, FetchRow)}
    for name in (ONE, "copy", "alike"):
        assert (ends[name].reason, ends[name].sha256) == ("takedown", "")
    ids = {row["id"], row["sha256"], row["origin_sha256"]}
    for path in TABLES:
        if Path(path).exists():
            assert not any(one in Path(path).read_text("utf-8") for one in ids), path
    rows = read_table(Path("data/manifest.csv"), Row)
    assert len(rows) == PICTURES
    assert pair not in {one.url for one in rows}
    after = json.loads(Path("models/hypergan/model.json").read_text())
    assert after["manifest_sha256"] != before["manifest_sha256"]
    last = told(lineage, f"{at}/{ONE}", capsys)
    assert {path for path, some in last["rows"].items() if some} == {POSTS, FETCHES.as_posix()}
    assert last["models"] == {}


def test_the_words_of_a_post_go_with_it(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    listed = f"url,caption,permalink,author\n{at}/one,my words,{at}/wall,Ann\n{at}/p1,others,,Bob\n"
    Path("data/inputs/list.csv").write_text(listed)
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("list.txt", "list.csv"))
    stages("scrape")
    first, _ = read_table(Path(POSTS), PostRow)
    assert (first.text, first.extra["author"]) == ("my words", "Ann")
    takedown([first.post_id])
    stages("scrape")
    said = Path(POSTS).read_text()
    assert not any(word in said for word in ("my words", "/wall", "Ann"))
    assert "others" in said
    assert [row.reason for row in read_table(FETCHES, FetchRow)] == ["takedown", ""]
