"""watch, lineage, sync and gc: what they show, find, send and delete."""

import base64
import hashlib
import json
import logging
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.training import test_run

from memegan.__main__ import main
from memegan.cli.lineage import trail_of
from memegan.cli.watch import HIGH, MOST, WIDE, chart
from memegan.records import TABLES
from memegan.tables import columns, write_table
from memegan.tracking.spool import Spool
from memegan.training.lock import locked
from memegan.training.run import train_run

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own
project = test_run.project  # two tiny runs on noise
Run = Callable[..., tuple[int, str, str]]
SRC = Path(__file__).parents[2] / "src"


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Run a command as a person does, in an empty folder; give exit code, stdout and stderr."""
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "DVC_", "MEMEGAN_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MEMEGAN_TRACKING", "spool")
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    before = root.level

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["memegan", *map(str, words)])
        code = main()
        told = capsys.readouterr()
        return code, told.out, told.err

    yield call
    root.setLevel(before)


def begun(key: str, name: str = "tiny", total: int = 40) -> Spool:
    """A training in ./runs that has begun."""
    tags = {"memegan.key": key, "memegan.stage": "train", "memegan.run": name}
    about = {"tags": tags, "params": {"total_images": str(total)}, "data": None}
    spool = Spool(Path("runs") / key, about)
    spool.begin(0)
    return spool


# watch


def test_watch_writes_a_page_that_needs_nothing_from_elsewhere(run: Run) -> None:
    spool = begun("aa")
    for seen in (10, 20, 30):
        spool.metrics({"gan <b>": 1 / seen, "cycle": math.nan if seen == 20 else seen}, seen)
    spool.images("grid", torch.zeros(3, 4, 4, dtype=torch.uint8), 10)
    spool.images("grid", torch.full((3, 4, 4), 9, dtype=torch.uint8), 20)
    code, out, _ = run("watch", "tiny", "--once")
    assert code == 0
    assert out.startswith("tiny 30 of 40, running: cycle 30, gan <b> 0.03333  ")
    page = Path("runs/aa/preview.html").read_text()
    assert f"  {Path('runs/aa/preview.html').resolve()}\n" in out
    assert not re.search("<script|https?:|//|@import|url\\(", page)
    shown = [
        base64.b64decode(data) for data in re.findall('src="data:image/png;base64,(.*?)"', page)
    ]
    assert shown == [Path("runs/aa/grid/000000020.png").read_bytes()]
    lines = re.findall('polyline points="(.*?)"', page)
    assert [len(line.split()) for line in lines] == [2, 3]  # the one that is not finite is left out
    assert 'http-equiv="refresh"' in page
    assert "gan &lt;b&gt;" in page
    spool.end("FINISHED")
    run("watch", "tiny", "--once")
    assert 'http-equiv="refresh"' not in Path("runs/aa/preview.html").read_text()


def test_a_chart_has_its_lowest_value_at_the_bottom() -> None:
    assert 'points="0.0,78.0 150.0,2.0 300.0,40.0"' in chart([(0, 1.0), (50, 3.0), (100, 2.0)])
    assert 'points="150.0,40.0"' in chart([(7, 5.0)])


@given(st.lists(st.tuples(st.integers(0, 10**9), st.floats()), max_size=50), st.integers(1, 40))
def test_every_point_of_a_chart_lies_in_it(found: list[tuple[int, float]], times: int) -> None:
    points = sorted(found * times, key=lambda point: point[0])
    places = re.findall(
        r"([-\d.]+),([-\d.]+)", "".join(re.findall('points="(.*?)"', chart(points)))
    )
    assert all(0 <= float(x) <= WIDE and 0 <= float(y) <= HIGH for x, y in places)
    assert len(places) <= MOST + 1
    if len(points) <= MOST:
        assert len(places) == sum(math.isfinite(y) for _, y in points)


def test_watch_follows_a_training_from_before_its_begin_to_its_end(run: Run) -> None:
    Path("params.yaml").write_text("train:\n  tiny: {}\n")
    words = [sys.executable, "-m", "memegan", "watch", "tiny", "--json", "--every-s", "0.1"]
    env = {**os.environ, "PYTHONPATH": str(SRC)}
    with subprocess.Popen(words, stdout=-1, stderr=-1, text=True, env=env) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        assert watching.stderr.readline() == "waiting for a training of 'tiny' (Ctrl-C ends it)\n"
        spool = begun("aa")
        seen = [json.loads(watching.stdout.readline())]
        spool.metrics({"gan": 0.5}, 10)
        seen.append(json.loads(watching.stdout.readline()))
        spool.end("FAILED", "loss not finite")
        seen.append(json.loads(watching.stdout.readline()))
        assert watching.wait(60) == 0
    assert [(at["images_seen"], at["state"], at["losses"]) for at in seen] == [
        (0, "running", {}),
        (10, "running", {"gan": 0.5}),
        (10, "failed", {"gan": 0.5}),
    ]


def test_watch_shows_the_training_of_a_run_that_was_written_last(run: Run) -> None:
    for age, key in enumerate(("bb", "cc", "aa")):
        begun(key, "other" if key == "bb" else "tiny")
        os.utime(f"runs/{key}/events.jsonl", (1000 - age, 1000 - age))
    _, out, _ = run("watch", "tiny", "--once", "--json")
    assert json.loads(out)["key"] == "cc"


def test_watch_of_what_never_began_says_what_is_there(run: Run) -> None:
    begun("aa", "cyclegan")
    code, _, err = run("watch", "cyclgan")
    assert code == 1
    assert "no training of 'cyclgan' has begun; did you mean 'cyclegan'?" in err


# lineage

PICTURE = b"the bytes of a picture"
A, OTHER, FRAME, GRAY = (hashlib.sha256(data).hexdigest() for data in (PICTURE, b"b", b"f", b"g"))
VIDEO, BROKEN, STORED = (hashlib.sha256(data).hexdigest() for data in (b"v", b"q", b"stored"))
AT = "http://demo.invalid/"


def write(path: str, *changes: Mapping[str, object]) -> None:
    """Write a table whose cells are the examples of its columns but for `changes`."""
    record = TABLES[path]
    given = {column.name: column.example for column in columns(record)}
    write_table(Path(path), record, [record(**{**given, **change}) for change in changes])


@pytest.fixture
def data(run: Run) -> None:
    """A picture, its duplicate, a video of two frames, a broken file and one that is gone."""
    posts = [f"demo:x:{n}" for n in range(1, 6)]
    write("data/raw/posts.csv", *({"post_id": p, "permalink": f"{AT}wall/{p}"} for p in posts))
    files = zip(posts, (A, OTHER, VIDEO, BROKEN, ""), strict=True)
    write(
        "data/raw/fetches.csv",
        *({"url": AT + p, "final_url": AT + p, "sha256": s, "post_id": p} for p, s in files),
    )
    of_video = {"video": VIDEO, "post_id": posts[2]}
    write("data/frames/videos.csv", {**of_video, "name": AT + posts[2]})
    frames = ({"video": VIDEO, "sha256": sha} for sha in (FRAME, GRAY))
    write("data/frames/frames.csv", *frames)
    picture = {"id": A[:16], "url": AT + posts[0], "post_id": posts[0], "video": ""}
    frame = {"id": FRAME[:16], "url": AT + posts[2], **of_video}
    write("data/dedup/kept.csv", {**picture, "sha256": A}, {**frame, "sha256": FRAME})
    twin = {"dropped": OTHER[:16], "kept": A[:16], "url": AT + posts[1], "post_id": posts[1]}
    write("data/dedup/duplicates.csv", twin)
    bad = {"file": AT + posts[3], "sha256": BROKEN, "post_id": posts[3]}
    write("data/dedup/quarantine.csv", bad)
    stored = {**picture, "sha256": STORED, "origin_sha256": A, "domain": "photo"}
    of_frame = {**frame, "sha256": GRAY[::-1], "origin_sha256": FRAME, "domain": "cartoon"}
    write("data/images/images.csv", stored, of_frame)
    write("data/manifest.csv", {**stored, "split": "train"}, {**of_frame, "split": "test"})
    here = hashlib.sha256(Path("data/manifest.csv").read_bytes()).hexdigest()
    for name, where in (("cyclegan", {}), ("far", {"community": "nowhere"})):
        plan = {"variant": "cyclegan", "data": {"a": "photo", "b": "cartoon"}, "where": where}
        about = {"run": plan, "memegan_key": f"key of {name}", "images_seen": 80}
        path = Path(f"models/{name}/model.json")
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({**about, "manifest_sha256": here}))


def found(run: Run, what: str) -> dict[str, Any]:
    code, out, err = run("lineage", what, "--json")
    assert code == 0, err
    return dict(json.loads(out))


@pytest.mark.parametrize(
    "name",
    [A, A.upper(), STORED, A[:16], f"{AT}demo:x:1", "demo:x:1", f"{AT}wall/demo:x:1", "a.png"],
)
def test_a_picture_has_one_trail_however_it_is_named(name: str, data: None, run: Run) -> None:
    Path("a.png").write_bytes(PICTURE)
    told = found(run, name)
    rows = told["rows"]
    assert [row["post_id"] for row in rows["data/raw/posts.csv"]] == ["demo:x:1"]
    assert [row["sha256"] for row in rows["data/raw/fetches.csv"]] == [A]
    for path in ("data/dedup/kept.csv", "data/images/images.csv", "data/manifest.csv"):
        assert [row["id"] for row in rows[path]] == [A[:16]]
    assert [row["dropped"] for row in rows["data/dedup/duplicates.csv"]] == [OTHER[:16]]
    assert rows["data/frames/videos.csv"] == rows["data/dedup/quarantine.csv"] == []
    assert told["models"] == {"cyclegan": {"train": 1}}


@pytest.mark.parametrize("name", [VIDEO, f"{AT}demo:x:3", "demo:x:3"])
def test_a_video_leads_to_all_its_frames_and_what_was_judged_on_them(
    name: str, data: None, run: Run
) -> None:
    told = found(run, name)
    assert [row["sha256"] for row in told["rows"]["data/raw/fetches.csv"]] == [VIDEO]
    (video,) = told["rows"]["data/frames/videos.csv"]
    assert video["video"] == VIDEO
    assert [row["sha256"] for row in told["rows"]["data/dedup/kept.csv"]] == [FRAME]
    assert told["models"] == {"cyclegan": {"test": 1}}


def test_a_frame_leads_back_to_its_video_and_post(data: None) -> None:
    trail = trail_of(FRAME[:16])
    assert [row["sha256"] for row in trail["data/frames/frames.csv"]] == [FRAME]
    assert [row["video"] for row in trail["data/frames/videos.csv"]] == [VIDEO]
    assert [row["post_id"] for row in trail["data/raw/posts.csv"]] == ["demo:x:3"]


def test_what_was_set_aside_says_why_and_went_into_nothing(data: None, run: Run) -> None:
    for name in (BROKEN, f"{AT}demo:x:4"):
        told = found(run, name)
        assert [row["reason"] for row in told["rows"]["data/dedup/quarantine.csv"]] == ["truncated"]
        assert told["rows"]["data/manifest.csv"] == []
        assert told["models"] == {}


def test_a_dropped_duplicate_names_the_picture_that_stands_for_it(data: None, run: Run) -> None:
    _, out, _ = run("lineage", f"{AT}demo:x:2")
    assert f"dropped={OTHER[:16]}  kept={A[:16]}  level=same" in out
    assert "models/" not in out


@pytest.mark.parametrize(
    "name", ["cyclegan", "models/cyclegan", "models/cyclegan/model.json", "key of cyclegan"]
)
def test_a_model_tells_what_it_was_trained_on(name: str, data: None, run: Run) -> None:
    told = found(run, name)
    assert (told["run"], told["is_of_this_manifest"]) == ("cyclegan", True)
    assert told["data"]["a"]["rows"] == {"train": 1}
    assert told["data"]["b"]["rows"] == {"test": 1}
    assert found(run, "far")["data"]["a"]["rows"] == {}
    Path("data/manifest.csv").write_bytes(Path("data/manifest.csv").read_bytes() + b"\n")
    _, out, _ = run("lineage", name)
    assert "(another one than the one here)" in out


def test_lineage_of_what_is_nowhere_is_told(data: None, run: Run) -> None:
    code, out, err = run("lineage", "cyclgan")
    assert (code, out) == (1, "")
    assert "nothing here is called 'cyclgan'; did you mean 'cyclegan'?" in err
    for name in ("", "-1", "image/png", "2026-11-21"):
        assert run("lineage", "--", name)[0] == 1


# sync and gc


def test_sync_sends_what_waits_and_says_what_it_could_not(run: Run) -> None:
    for key in ("aa", "bb"):
        begun(key).metrics({"gan": 1.0}, 10)
    with Path("runs/bb/events.jsonl").open("a") as file:
        file.write(
            '{"time_ms": 1, "kind": "image", "step": 9, "name": "grid", "file": "lost.png"}\n'
        )
    code, out, _ = run("sync")
    assert code == 1
    assert out.startswith(f"1 runs in sqlite:///{Path('mlflow.db').resolve()}: 2 new events, ")
    assert re.search(r"^  bb: not sent: .*lost\.png", out, re.MULTILINE)
    shutil.rmtree("runs/bb")
    code, out, _ = run("sync", "--json")
    assert code == 0
    told = json.loads(out)
    assert (list(told["runs"]), told["events"], told["failed"]) == (["aa"], 0, {})


def test_sync_with_a_store_that_is_down_is_one_message(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:word@127.0.0.1:9")
    code, out, err = run("sync")
    assert (code, out) == (1, "")
    assert err.startswith("error: the MLflow store does not answer")
    assert "word" not in err
    assert len(err.splitlines()) == 3


def test_gc_deletes_what_nothing_refers_to_and_nothing_else(run: Run, project: Path) -> None:
    train_run("hypergan", "cpu")  # its key is that of params.yaml
    for key in ("aa", "bb", "cc"):
        begun(key).end("FINISHED")
    for words in (("init", "-q"), ("add", "-f", "metrics/train"), ("commit", "-qm", "old")):
        if words[0] == "add":
            Path("metrics/train/old.json").write_text('{\n  "memegan_key": "bb"\n}\n')
        person = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(("git", *person, *words), check=True)
    Path("metrics/train/old.json").unlink()  # only the commit has it
    assert run("sync")[0] == 0
    begun("dd")  # was not sent yet
    store = Path(".memegan/store/files/ab")
    store.mkdir(parents=True)
    for sha in (A, OTHER):
        (store / sha).write_bytes(b"x")
        os.utime(store / sha, (1000, 1000))
    write("data/raw/fetches.csv", {"sha256": A})
    (store / FRAME).write_bytes(b"x")  # of a scrape that goes on
    os.utime("data/raw/fetches.csv", (2000, 2000))
    known = {path.name for path in Path("mlartifacts").iterdir()}
    lost = Path("mlartifacts", "f" * 32)
    lost.mkdir()
    Path("mlartifacts/notes of mine").mkdir()

    with locked(Path("runs/cc/lock")):
        _, out, _ = run("gc", "--json")
        told = json.loads(out)
        rubbish = {"runs/aa", f".memegan/store/files/ab/{OTHER}", lost.as_posix()}
        assert {thing["path"] for thing in told["found"]} == rubbish
        assert told["deleted"] is False
        assert all(Path(path).exists() for path in rubbish)
        assert run("gc", "--yes")[0] == 0
    assert not any(Path(path).exists() for path in rubbish)
    key = json.loads(Path("metrics/train/hypergan.json").read_text())["memegan_key"]
    assert {path.name for path in Path("runs").iterdir()} == {"bb", "cc", "dd", key}
    assert {path.name for path in store.iterdir()} == {A, FRAME}
    assert known <= {path.name for path in Path("mlartifacts").iterdir()}
    assert Path("mlartifacts/notes of mine").exists()
    _, out, _ = run("gc")
    assert [line.split()[0] for line in out.splitlines()] == [
        "runs/cc",
        "1",
    ]  # nobody trains it now
