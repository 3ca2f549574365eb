"""The frame of the benchmarks: ratios, intervals, and going on where it stopped."""

import copy
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import faults
from benchmarks import train as train_entry

from memegan.benches import Case, Ratio, Sample, Trials, bootstrap_median
from memegan.cli.bench import Asked, entries, load_entry, measure, told
from memegan.cli.preset import recipe
from memegan.errors import DataError, ParamsError
from memegan.presets.shrink import shrunk
from memegan.rng import Numbers
from memegan.tracking.spool import MemoryTracker
from memegan.training.loop import Data, train
from memegan.training.stopping import Stop
from memegan.variants.cyclegan import VARIANT

ROOT = Path(__file__).parents[2]
TOY = '''"""A toy: counts its blocks, and is killed at one of them where told."""

import os
import signal
from contextlib import contextmanager

from memegan.benches import Ratio

done = 0


@contextmanager
def side():
    def block():
        global done
        done += 1
        if done == int(os.environ.get("KILL_AT", 0)):
            os.kill(os.getpid(), signal.SIGKILL)

    yield block


BENCH = Ratio(side, side, cases={"first": {}, "second": {}}, least=3, clock=lambda: done**2)
'''


class Counted:
    """Two sides whose time is a counter: a block of ours moves it by `ours`, the other's by 2."""

    def __init__(self, ours: float = 3.0) -> None:
        self.now, self.order = 0.0, ""
        self.bench = Ratio(
            self._side("o", ours), self._side("r", 2.0), least=4, clock=lambda: self.now
        )

    def _side(self, letter: str, step: float) -> Any:  # noqa: ANN401 - a context manager's maker
        @contextmanager
        def made() -> Iterator[Callable[[], object]]:
            def block() -> None:
                self.now += step
                self.order += letter

            yield block

        return made


def samples_of(path: Path, label: str = "all") -> list[Sample]:
    found: list[Sample] = json.loads(path.read_text())["cases"][label]["samples"]
    return found


def test_the_ratio_is_time_of_ours_over_time_of_the_reference(tmp_path: Path) -> None:
    found = measure("toy", Counted(ours=3.0).bench, None, tmp_path / "toy.json", tmp_path)
    case = found["cases"]["all"]
    assert (case["ratio"], case["low"], case["high"]) == (1.5, 1.5, 1.5)
    assert (case["ours_s"], case["reference_s"]) == (3.0, 2.0)
    assert "1.500 times the reference (1.500-1.500), 4 samples" in told(found)


def test_the_sides_take_turns_in_beginning_after_a_warm_up(tmp_path: Path) -> None:
    toy = Counted()
    measure("toy", toy.bench, 4, tmp_path / "toy.json", tmp_path)
    assert toy.order == "or" + "orroorro"


def test_the_file_says_what_the_samples_belong_to(tmp_path: Path) -> None:
    path = tmp_path / "deep/toy.json"
    found = measure("toy", replace(Counted().bench, params={"x": 1}), None, path, tmp_path)
    assert json.loads(path.read_text()) == found
    about = {"command", "commit", "torch", "cpu", "threads", "params", "case_params", "python"}
    assert about <= set(found)
    assert found["command"] == "memegan bench toy"
    assert found["threads"] >= 1
    assert found["cpu"]


def test_a_second_call_goes_on_and_a_finished_case_is_not_set_up_again(tmp_path: Path) -> None:
    path = tmp_path / "toy.json"
    measure("toy", Counted(ours=3.0).bench, 4, path, tmp_path)
    later = Counted(ours=8.0)
    measure("toy", later.bench, 6, path, tmp_path)
    assert [s["ours_s"] for s in samples_of(path)] == [3.0] * 4 + [8.0] * 2
    again = Counted()
    measure("toy", again.bench, 5, path, tmp_path)
    assert (again.order, len(samples_of(path))) == ("", 6)


def test_threads_are_those_of_the_bench_else_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    toy = Counted().bench
    assert measure("toy", toy, None, tmp_path / "a.json", tmp_path)["threads"] == 7
    toy = replace(toy, params={"threads": 1})
    assert measure("toy", toy, None, tmp_path / "b.json", tmp_path)["threads"] == 1


@pytest.mark.parametrize("key", ["commit", "code", "params", "cpu", "torch", "threads"])
def test_samples_of_another_commit_machine_or_params_are_not_mixed(
    tmp_path: Path, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "toy.json"
    measure("toy", Counted(ours=3.0).bench, None, path, tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: "another"}))
    measure("toy", Counted(ours=8.0).bench, None, path, tmp_path)
    assert [s["ours_s"] for s in samples_of(path)] == [8.0] * 4
    assert f"differs in {key}: it begins afresh" in capsys.readouterr().err


def test_cases_not_asked_for_keep_their_samples_and_say_what_they_were_measured_with(
    tmp_path: Path,
) -> None:
    path = tmp_path / "toy.json"
    two: dict[str, Case] = {"first": {}, "second": {}}
    measure("toy", replace(Counted(ours=3.0).bench, cases=two), 4, path, tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"commit": "an old one"}))
    now = replace(Counted(ours=8.0).bench, cases=two)
    for at_most in (3, 3):
        found = measure("toy", now, 4, path, tmp_path, Asked("sec*", at_most))
    assert [s["ours_s"] for s in samples_of(path, "first")] == [3.0] * 4
    assert [s["ours_s"] for s in samples_of(path, "second")] == [8.0] * 4
    assert found["cases"]["first"]["about"] == {"commit": "an old one"}
    assert "about" not in found["cases"]["second"]
    measure("toy", replace(Counted(ours=9.0).bench, cases=two), 4, path, tmp_path)
    assert [s["ours_s"] for s in samples_of(path, "first")] == [9.0] * 4
    assert [s["ours_s"] for s in samples_of(path, "second")] == [8.0] * 4


def test_a_call_takes_no_more_samples_than_asked_for_and_the_next_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "toy.json"
    for taken in (1, 2, 3, 4, 4):
        measure("toy", Counted().bench, 4, path, tmp_path, Asked(at_most=1))
        assert len(samples_of(path)) == taken


def test_a_case_that_is_not_there_is_told_before_anything_runs(tmp_path: Path) -> None:
    toy = Counted()
    with pytest.raises(ParamsError, match=r"no case 'al'; did you mean 'all'"):
        measure("toy", toy.bench, 4, tmp_path / "toy.json", tmp_path, Asked("al"))
    assert toy.order == ""


def test_too_few_pairs_are_refused_before_anything_runs(tmp_path: Path) -> None:
    toy = Counted()
    with pytest.raises(ParamsError, match="ask for 4 or more"):
        measure("toy", toy.bench, 3, tmp_path / "toy.json", tmp_path)
    assert toy.order == ""
    assert list(tmp_path.iterdir()) == []
    assert Ratio(toy.bench.ours, toy.bench.reference).least == 20


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cases": {"all": 1}}'])
def test_a_file_that_is_no_result_is_told_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "toy.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"no result of a benchmark(.|\n)*--out"):
        measure("toy", Counted().bench, None, path, tmp_path)
    assert path.read_text() == text


def test_trials_are_counted_by_their_words(tmp_path: Path) -> None:
    @contextmanager
    def trial(odd: str) -> Iterator[Callable[[int], Sample]]:
        yield lambda number: {"outcome": odd if number % 2 else "same bits"}

    made = Trials(trial, cases={"x": {"odd": "other bits"}, "y": {"odd": "same bits"}}, least=5)
    found = measure("toy", made, None, tmp_path / "toy.json", tmp_path)
    assert found["cases"]["x"]["outcomes"] == {"other bits": 2, "same bits": 3}
    assert found["cases"]["y"]["outcomes"] == {"same bits": 5}
    assert "toy, x: 2 other bits, 3 same bits, 5 samples" in told(found)


def test_the_interval_holds_the_true_median_about_19_times_in_20() -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(300):
        ours, reference = 0.6 * rng.lognormal(0, 0.2, 40), rng.lognormal(0, 0.2, 40)
        _, low, high = bootstrap_median(ours / reference)
        inside += low <= 0.6 <= high
    assert 0.90 <= inside / 300 <= 0.99


def test_the_interval_is_the_same_each_time_and_lies_around_the_median() -> None:
    values = np.random.default_rng(4).lognormal(0, 0.5, 21)
    median, low, high = bootstrap_median(values)
    assert bootstrap_median(values) == (median, low, high)
    assert values.min() <= low < median < high <= values.max()
    assert median == np.median(values)


def test_after_kill_9_at_any_block_the_samples_are_kept_and_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/toy.py").write_text(TOY)
    path = tmp_path / "docs/benchmarks/toy.json"
    first, second = {"ours_s": 5, "reference_s": 7}, {"reference_s": 9, "ours_s": 11}
    for kill_at in (8, 4):  # a warm-up of two blocks, then two blocks a pair
        assert called(tmp_path, "toy", KILL_AT=str(kill_at)).returncode == -9
        assert samples_of(path, "first") == [first, second]
        assert list(path.parent.iterdir()) == [path]
    done = called(tmp_path, "toy")
    assert done.returncode == 0
    assert samples_of(path, "first") == [first, second, first]
    cases = json.loads(path.read_text())["cases"]
    assert [len(case["samples"]) for case in cases.values()] == [3, 3]
    assert "toy, second:" in done.stdout


def test_bench_list_names_each_entry_and_an_unknown_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/toy.py").write_text(TOY)
    assert called(tmp_path, "list").stdout.split() == ["toy", *TOY[3:].split('"')[0].split()]
    done = called(tmp_path, "toi")
    assert done.returncode == 2
    assert "did you mean 'toy'?" in done.stderr


LEAST = {  # kills, seeds, sets: no pairs of times; hours would not make `scale` truer
    **{"faults": 30, "editors": 8, "learn": 3, "select": 10, "scale": 1, "selected": 3},
    "rival": 3,
}


@pytest.mark.parametrize("name", entries(ROOT / "benchmarks"))
def test_an_entry_says_what_is_compared_with_what_and_has_its_samples_least(name: str) -> None:
    made = load_entry(name, ROOT / "benchmarks")
    line = entries(ROOT / "benchmarks")[name]
    assert " against " in line or name in LEAST
    assert made.least >= LEAST.get(name, 20)
    assert made.cases


# Adam's first steps are mostly signs; norms over the unet's 2x2 pixels turn some by rounding.
@pytest.mark.parametrize(("generator", "steps"), [("resnet", 3), ("vgg16", 3), ("unet", 2)])
def test_the_plain_training_and_ours_pay_the_same_losses_step_by_step(
    tmp_path: Path, generator: str, steps: int
) -> None:
    run = train_entry.of_generator(train_entry.RUN, generator, threads=1)
    run = run.model_copy(update={"log_every_images": 2, "total_images": 2 * steps})
    images, tracker = train_entry._images(run), MemoryTracker()
    variant = VARIANT.make(run).to(train_entry.DEVICE)
    plain = train_entry.Plain(copy.deepcopy(variant), run)
    data = Data(images, images.first(1, run.crop_px))
    train(variant, data, run, tracker, tmp_path / "state.safetensors", Stop(math.inf))
    for (seen, ours), first in zip(tracker.noted_metrics, range(0, 2 * steps, 2), strict=True):
        batch = images.batch(first, 2, run.seed, run.crop_px, run.flip)
        assert plain.step(batch) == pytest.approx(ours, rel=2e-3), f"{seen} images"


def test_a_run_of_params_yaml_is_measured_with_each_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").write_text(shrunk(recipe("demo")), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    made = load_entry("train", ROOT / "benchmarks", "cyclegan")
    assert list(made.cases) == list(train_entry.GENERATORS)
    assert load_entry("train", ROOT / "benchmarks") == train_entry.BENCH
    with made.sampler(made.cases["unet"]) as pair:
        found = made.summary([pair(0), pair(1)])
    assert all(float(str(found[f"{side}_images_per_s"])) > 0 for side in ("ours", "reference"))
    assert float(str(found["ours_peak_mib"])) > float(str(found["reference_peak_mib"])) > 1  # EMA
    with pytest.raises(ParamsError, match="no cyclegan"):
        load_entry("train", ROOT / "benchmarks", "hypergan")
    with pytest.raises(ParamsError, match="takes no run"):
        load_entry("faults", ROOT / "benchmarks", "cyclegan")


@pytest.mark.parametrize("said", [{"lambda_identity": 0.0}, {"pool_size": 0}])
def test_what_a_run_leaves_out_the_plain_step_leaves_out(said: dict[str, float]) -> None:
    """Both sides pay for the same things; what ours does besides is held off the clock."""
    more = {"ema_statistics": "estimated", "on_collapse": "stop", "grid_every_images": 2}
    run = train_entry.RUN.model_copy(update={**said, **more})
    run = train_entry.of_generator(run, "resnet", threads=1)
    assert (run.ema_statistics, run.on_collapse) == ("averaged", "warn")
    variant, batch = VARIANT.make(run), train_entry._images(run).first(2, run.crop_px)
    plain = train_entry.Plain(copy.deepcopy(variant), run)
    ours = variant.step(batch, variant.optimizers(), Numbers(run.seed, 0))
    assert plain.step(batch) == pytest.approx({k: float(v) for k, v in ours.items()}, rel=2e-3)


@pytest.mark.slow
def test_a_training_that_is_killed_ends_with_the_same_bits() -> None:
    """Makes the tiny recipe's data first: ten seconds."""
    with faults.trial("hypergan") as kill:
        assert {kill(number)["outcome"] for number in range(3)} == {"same bits"}


def called(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "memegan", "bench", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
