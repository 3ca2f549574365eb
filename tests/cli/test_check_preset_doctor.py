"""check, preset and doctor: all mistakes at once, recipes that work, a mend for each fault."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.images.pictures import drawn, encoded

from memegan.__main__ import commands, main
from memegan.cli.check import check, mistakes
from memegan.cli.doctor import doctor
from memegan.cli.preset import apply, list_, recipe, recipes, show
from memegan.errors import ParamsError

ROOT = Path(__file__).parents[2]
Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEMEGAN_REAL_DATA", raising=False)
    Path("params.yaml").write_text(recipe("demo"), encoding="utf-8")
    return tmp_path


def memegan(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command as a person runs it, here."""
    return subprocess.run(
        [sys.executable, "-m", "memegan", *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | env,
    )


def edit(*changes: tuple[str, str]) -> None:
    """Replace the first place of each text in params.yaml."""
    path = Path("params.yaml")
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


def line_of(text: str) -> int:
    """The 1-based line of params.yaml that has a text."""
    lines = Path("params.yaml").read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)


def test_the_file_of_this_project_has_no_mistake(capsys: Out) -> None:
    check(ROOT / "params.yaml")
    assert capsys.readouterr().out.endswith("params.yaml: no mistake\n")
    check(ROOT / "params.yaml", as_json=True)
    assert json.loads(capsys.readouterr().out) == {"mistakes": []}


def test_mistakes_of_all_sections_come_at_once_with_their_lines_and_what_was_meant() -> None:
    edit(
        ("kind: demo", "kind: dmeo"),
        ("every_s: 1.0", "every_s: -1.0"),
        ("fit: crop", "fit: cropp"),
        ("generator: resnet", "generator: resnett"),
        ("batch_size: 4", "batch_sise: 4"),
        ("n_max: 256", "n_max: many"),
    )
    found = "\n".join(mistakes(Path("params.yaml")))
    for place, what in (
        ("kind: dmeo", "; did you mean 'demo'?"),
        ("every_s: -1.0", "frames.every_s: input should be greater than 0, not -1"),
        ("fit: cropp", "did you mean 'crop'?"),
        ("generator: resnett", "model.generator: 'resnett' is not one of resnet, unet, vgg16"),
        ("batch_sise", "train.cyclegan.batch_sise: unknown key; did you mean 'batch_size'?"),
        ("n_max: many", "evaluate.n_max: input should be a valid integer"),
    ):
        (line,) = [line for line in found.splitlines() if what in line]
        assert f"params.yaml line {line_of(place)}: " in line
    assert "train.cyclegan.batch_size: it is missing" in found
    assert len(found.splitlines()) == 7


def test_an_unknown_section_is_told_once() -> None:
    edit(("report:\n", "reprot:\n"))
    found = mistakes(Path("params.yaml"))
    assert [what for what in found if "unknown section" in what] == [
        f"params.yaml line {line_of('reprot:')}: reprot: unknown section; did you mean 'report'?"
    ]


def test_what_sections_ask_of_each_other_is_told_too() -> None:
    edit(("domain: photo", "domain: foto"), ("crop_px: 64", "crop_px: 128"))
    assert mistakes(Path("params.yaml")) == [
        "train.cyclegan.load_px: 128 is more than resize.size_px 64",
        "train.cyclegan.data.a: no source has the domain 'photo'; "
        "they have cartoon, foto, meme, mixed",
    ]


def test_two_runs_that_own_the_model_are_a_mistake() -> None:
    text = Path("params.yaml").read_text(encoding="utf-8")
    start, end = text.index("  cyclegan:\n"), text.index("  hypergan:\n")
    edit(("  hypergan:\n", f"  again:\n{text[start:end].split(chr(10), 1)[1]}  hypergan:\n"))
    assert mistakes(Path("params.yaml")) == [
        "train: cyclegan and again both own the section 'model'"
    ]


def test_many_mistakes_are_one_message_and_exit_2_with_no_traceback() -> None:
    edit(("fit: crop", "fit: cropp"), ("generator: resnet", "generator: resnett"))
    told = memegan("check")
    assert told.returncode == 2
    head, first, second, where, fix = told.stderr.splitlines()
    assert head == "error: 2 mistakes"
    assert first.startswith("  - params.yaml line ")
    assert second.startswith("  - params.yaml line ")
    assert (where, fix) == (
        "  where: params.yaml",
        "  fix:   correct it; git diff shows what changed",
    )


def test_json_lists_the_mistakes_and_the_exit_code_stays(capsys: Out) -> None:
    edit(("fit: crop", "fit: cropp"))
    with pytest.raises(ParamsError, match="fit: 'cropp'") as caught:
        check(as_json=True)
    assert caught.value.exit_code == 2
    (only,) = json.loads(capsys.readouterr().out)["mistakes"]
    assert only.startswith(f"params.yaml line {line_of('cropp')}: resize.fit: ")


@pytest.mark.parametrize(
    ("text", "told"), [("a: [", "not YAML in UTF-8"), (None, "there is no params.yaml")]
)
def test_a_file_that_cannot_be_read_is_told_in_one_message(text: str | None, told: str) -> None:
    path = Path("params.yaml")
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(ParamsError, match=told):
        check()


def test_the_list_has_a_line_a_recipe_that_says_what_it_is_for(capsys: Out) -> None:
    list_()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(recipes())
    assert {"demo", "tiny"} <= set(recipes())
    for line in lines:
        assert len(line.split(maxsplit=1)[1]) > 20
        assert "#" not in line


@pytest.mark.parametrize("name", recipes())
def test_show_prints_the_recipe_as_it_is_shipped(name: str, capsys: Out) -> None:
    show(name)
    shipped = (ROOT / f"src/memegan/presets/{name}.yaml").read_text(encoding="utf-8")
    assert capsys.readouterr().out == shipped


@pytest.mark.parametrize("name", recipes())
def test_every_recipe_passes_check_once_it_is_applied(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "brought"
    for inner in re.findall(r"\{data}/([^\s\"*]+)", recipe(name)):
        path = folder / inner / "1.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(drawn(1, 16, 16)))
    folder.mkdir(exist_ok=True)
    apply(name, data=folder)
    assert mistakes(Path("params.yaml")) == []


@pytest.mark.parametrize("name", recipes())
def test_a_tiny_form_has_the_runs_and_switches_of_its_recipe_and_needs_no_data(
    name: str, capsys: Out
) -> None:
    apply(name, tiny=True)
    assert mistakes(Path("params.yaml")) == []
    small, whole = yaml.safe_load(Path("params.yaml").read_text()), yaml.safe_load(recipe(name))
    assert list(small) == list(whole)
    assert small.get("model", {}).get("generator") == whole.get("model", {}).get("generator")
    for run, values in whole["train"].items():
        tiny = small["train"][run]
        assert {**tiny, **values}.keys() == values.keys()
        assert (tiny["variant"], tiny["data"]) == (values["variant"], values["data"])
        assert tiny["total_images"] == 64
    assert {source["kind"] for source in small["scrape"]["sources"]} == {"demo"}
    apply(name, tiny=True)
    assert "kept" not in capsys.readouterr().out


def test_the_demo_is_the_file_of_this_project() -> None:
    assert recipe("demo") == (ROOT / "params.yaml").read_text(encoding="utf-8")


def test_tiny_is_the_same_pipeline_with_less_of_everything() -> None:
    small, large = yaml.safe_load(recipe("tiny")), yaml.safe_load(recipe("demo"))
    assert set(small) == set(large)
    assert set(small["train"]) == set(large["train"])
    assert small["resize"]["size_px"] < large["resize"]["size_px"]
    for name, run in small["train"].items():
        assert run["variant"] == large["train"][name]["variant"]
        assert run["total_images"] < large["train"][name]["total_images"] / 10


def test_apply_keeps_the_file_before_and_prints_the_one_command(capsys: Out) -> None:
    mine = "# mine\n" + recipe("demo")
    Path("params.yaml").write_text(mine, encoding="utf-8")
    apply("tiny")
    told = capsys.readouterr().out
    assert Path("params.yaml").read_text(encoding="utf-8") == recipe("tiny")
    assert Path("params.yaml.before").read_text(encoding="utf-8") == mine
    assert "the file before is kept as params.yaml.before\n" in told
    assert told.endswith("now run: dvc repro\n")


def test_apply_of_what_is_there_keeps_nothing_and_changes_nothing(capsys: Out) -> None:
    before = Path("params.yaml").read_bytes()
    apply("demo")
    assert Path("params.yaml").read_bytes() == before
    assert not Path("params.yaml.before").exists()
    assert "kept" not in capsys.readouterr().out


def test_apply_where_there_is_no_file_yet_writes_one() -> None:
    Path("params.yaml").unlink()
    apply("tiny")
    assert mistakes(Path("params.yaml")) == []


def test_a_recipe_that_is_none_is_told_with_the_nearest_and_all() -> None:
    before = Path("params.yaml").read_bytes()
    with pytest.raises(ParamsError, match=r"no preset 'tinny'; did you mean 'tiny'\?") as caught:
        apply("tinny")
    assert caught.value.fix == f"choose one of: {', '.join(recipes())}"
    assert Path("params.yaml").read_bytes() == before
    assert memegan("preset", "apply", "tinny").returncode == 2


def test_a_recipe_for_own_pictures_brings_them_below_data_inputs(tmp_path: Path) -> None:
    folder = tmp_path / "brought"
    (folder / "emoji").mkdir(parents=True)
    (folder / "emoji/1.png").write_bytes(encoded(drawn(1, 16, 16)))
    apply("real-demo", data=folder)
    inputs = Path("data/inputs/real-demo")
    assert (inputs / "emoji/1.png").read_bytes() == (folder / "emoji/1.png").read_bytes()
    text = Path("params.yaml").read_text(encoding="utf-8")
    assert str(folder) not in text
    paths = [source["path"] for source in yaml.safe_load(text)["scrape"]["sources"]]
    assert all(path.startswith(inputs.as_posix()) for path in paths)
    apply("real-demo", data=folder)
    assert not Path("params.yaml.before").exists()  # applied twice: nothing was anybody's work


@pytest.mark.parametrize("data", [None, Path("nowhere")])
def test_a_recipe_for_own_pictures_without_them_changes_nothing(data: Path | None) -> None:
    before = Path("params.yaml").read_bytes()
    with pytest.raises(ParamsError, match="needs a folder of pictures"):
        apply("real-demo", data=data)
    assert Path("params.yaml").read_bytes() == before
    assert not Path("params.yaml.before").exists()


def test_a_recipe_is_run_by_dvc_and_its_failure_told() -> None:
    done = memegan("preset", "run", "tiny")
    assert done.returncode == 1
    assert "not inside of a DVC repository" in done.stderr
    assert Path("params.yaml").read_text(encoding="utf-8") == recipe("tiny")
    assert memegan("preset", "run", "tinny").returncode == 2
    assert Path("params.yaml").read_text(encoding="utf-8") == recipe("tiny")


SLOW = """
import signal, sys, time
from pathlib import Path
def saved(*_):
    time.sleep(1)
    Path("saved").touch()
    sys.exit(130)
signal.signal(signal.SIGINT, saved)
Path("begun").touch()
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_lets_the_stage_of_a_run_recipe_save_first(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "dvc.yaml").write_text(f"stages: {{slow: {{cmd: '{sys.executable} slow.py'}}}}")
    subprocess.run(
        [sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True
    )
    words = [sys.executable, "-m", "memegan", "preset", "run", "tiny"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(words, env=env, start_new_session=True) as run:
        while not (tmp_path / "begun").exists():
            assert run.poll() is None
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)
        assert run.wait(60) == 130
    assert (tmp_path / "saved").exists()


def test_the_doctor_finds_this_machine_fit(capsys: Out) -> None:
    assert doctor(as_json=True) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    names = [f["name"] for f in found]
    assert names == [
        "python",
        "torch",
        "gpu",
        "disk",
        "video",
        "packages",
        "mlflow",
        "git",
        "dvc",
        "tokens",
    ]
    assert all(f["ok"] and f["found"] for f in found)
    assert doctor() == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in told] == [["ok", name] for name in names]


def broken(folder: Path, *modules: str) -> str:
    """A folder for PYTHONPATH in which these modules cannot be imported."""
    folder.mkdir()
    for name in modules:
        (folder / f"{name}.py").write_text("raise ImportError('no shared library')\n")
    return os.pathsep.join((str(folder), str(ROOT / "src")))


def test_each_thing_that_does_not_work_is_told_with_its_mend(tmp_path: Path) -> None:
    """No git on the PATH, and packages whose libraries are missing: the rest is still looked at."""
    env = {"PATH": str(tmp_path), "PYTHONPATH": broken(tmp_path / "stubs", "av", "torch")}
    told = memegan("doctor", "--json", **env)
    assert (told.returncode, told.stderr) == (1, "")
    found = {f["name"]: f for f in json.loads(told.stdout)}
    assert {name for name, f in found.items() if not f["ok"]} == {"git", "dvc", "torch", "video"}
    assert found["git"]["fix"] == "install git"
    assert found["torch"]["found"] == found["video"]["found"] == "no shared library"
    assert found["torch"]["fix"] == found["video"]["fix"] == "run: make setup"
    assert found["gpu"]["found"] == "not looked for: no torch"


def test_mends_are_printed_below_what_failed_and_nowhere_else(tmp_path: Path) -> None:
    told = memegan("doctor", PATH=str(tmp_path)).stdout
    assert told.count("fix: ") == 2
    assert "FAIL  git      not found\n        fix: install git\n" in told
    assert "FAIL  dvc      not found\n        fix: source .venv/bin/activate" in told


def test_tokens_are_named_and_never_shown(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    monkeypatch.setenv("VK_SERVICE_TOKEN", "hush")
    monkeypatch.delenv("KAGGLE_API_TOKEN", raising=False)
    doctor()
    (line,) = [one for one in capsys.readouterr().out.splitlines() if " tokens " in one]
    assert "set: VK_SERVICE_TOKEN; not set: " in line
    assert "KAGGLE_API_TOKEN (kaggle)" in line
    assert "hush" not in line


def test_a_tracking_store_that_is_set_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9/x")
    doctor(as_json=True)
    found = {f["name"]: f["found"] for f in json.loads(capsys.readouterr().out)}
    assert found["mlflow"] == "http://127.0.0.1:9/x"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("fetch", "--bogus"), "No such option: --bogus"),
        (("preset",), "Missing command"),
        (("train",), "Missing parameter: run"),
    ],
)
def test_wrong_words_are_told_with_the_way_to_the_right_ones(
    words: tuple[str, ...], told: str
) -> None:
    done = memegan(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert f"memegan {words[0]} --help has an example" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_kept_is_never_lost() -> None:
    edit(("seed: 7", "seed: 8"))
    apply("tiny")
    edit(("seed: 7", "seed: 9"))
    apply("demo")
    assert "seed: 8" in Path("params.yaml.before").read_text(encoding="utf-8")
    assert "seed: 9" in Path("params.yaml.before1").read_text(encoding="utf-8")


def test_doctor_keeps_the_password_of_a_server(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hush@127.0.0.1:1")
    doctor()
    told = capsys.readouterr().out
    assert "http://127.0.0.1:1" in told
    assert "hush" not in told


@pytest.mark.parametrize("word", sorted(commands()))
def test_every_command_has_help_with_an_example(
    word: str, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setattr(sys, "argv", ["memegan", word, "--help"])
    assert main() == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"Usage: memegan {word}" in told
    assert "Example: memegan" in told or word == "preset"
