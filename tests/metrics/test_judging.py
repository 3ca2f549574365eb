"""One protocol: what is known to be good scores so, and what is worse scores worse."""

from collections.abc import Callable, Mapping

import pytest
import torch
from tests.metrics.pictures import checked, noisy, scenes, soft
from torch import Tensor, nn
from torch.optim import Optimizer

from memegan.dataset import Batch, Images
from memegan.metrics import evaluate
from memegan.metrics.base import Metric, records
from memegan.metrics.evaluate import (
    KID,
    Case,
    EvaluateParams,
    Judged,
    judge_enlarger,
    judge_generator,
    judge_sets,
    judge_translator,
    truths,
)
from memegan.metrics.paired import affine_colour, apply_colour, psnr
from memegan.rng import Numbers
from memegan.variants.base import Measured, Variant

P = EvaluateParams(n_max=24, seed=5, resamples=20)
LEVELS = (0.0, 1.0, 2.0)  # how much worse
Change = Callable[[Tensor], Tensor]


class Known(Variant):
    """A model that is a plain function: there and back, or the pictures that it makes."""

    def __init__(self, there: Change, back: Change = lambda x: x) -> None:
        super().__init__()
        self.there, self.back = there, back

    def nets(self) -> dict[str, nn.Module]:
        return {}

    def optimizers(self) -> dict[str, Optimizer]:
        return {}

    def step(
        self, batch: Batch, optimizers: Mapping[str, Optimizer], numbers: Numbers
    ) -> dict[str, Tensor]:
        return {}

    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        made = self.there(batch.images["a"])
        return {"fake": made, "fake_b": made, "cycle_a": self.back(made)}


class OneWay(Known):
    """A translator without a way back, that can say how bright each input is."""

    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        return {"a": batch.images["a"], "fake_b": self.there(batch.images["a"])}

    def measure(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Measured]:
        return {"brightness": Measured(batch.images["a"].mean((1, 2, 3)), True)}


class Enlarger(Known):
    """Its pictures lie as far from the truth as `there` says."""

    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        a = batch.images["a"]
        return {"a": soft(a, 1.0), "fake": self.there(a), "truth": a}

    def measure(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Measured]:
        out = self.show(nets, batch, numbers)
        return {"psnr": Measured(psnr(out["fake"], out["truth"]), True)}


PHOTOS, TRUTH = scenes(0, 24), scenes(0, 24, "cartoon")
CARTOONS = scenes(100, 24, "cartoon")
PAIRS = scenes(200, 30), scenes(200, 30, "cartoon")
TRAIN = {"a": PAIRS[0], "b": scenes(300, 30, "cartoon")}


def translated(there: Change, back: Change = lambda x: x) -> dict[str, Metric]:
    test = {"a": PHOTOS, "b": CARTOONS}
    return judge_translator(Case(Known(there, back), {}, test, TRAIN, TRUTH, PAIRS), P).metrics


def made(fake: Tensor, train: Tensor = PAIRS[0]) -> dict[str, Metric]:
    case = Case(Known(lambda real: fake), {}, {"a": PHOTOS}, {"a": train})
    return judge_generator(case, P).metrics


def test_the_affine_map_itself_gains_nothing_over_it_and_the_truth_does() -> None:
    matrix = affine_colour(*PAIRS)
    affine = translated(lambda a: apply_colour(matrix, a))
    gain = affine["psnr_gain_over_affine"]
    assert (gain.value, gain.low, gain.high) == pytest.approx((0, 0, 0), abs=1e-5)
    assert affine["psnr_affine"].value == pytest.approx(affine["psnr_truth"].value)
    perfect = translated(lambda a: TRUTH[: len(a)])
    gain = perfect["psnr_gain_over_affine"]
    assert gain.low > 50
    assert perfect["psnr_truth"].value == 100
    assert perfect["ssim_truth"].value == pytest.approx(1)


def test_a_translator_without_a_way_back_is_judged_by_all_the_rest_and_what_it_measures() -> None:
    many = PHOTOS.repeat(3, 1, 1, 1)  # more than are looked at together
    case = Case(OneWay(lambda a: a), {}, {"a": many, "b": CARTOONS}, TRAIN)
    judged = judge_translator(case, P)
    assert "cycle_l1" not in judged.metrics
    assert list(judged.shown) == ["input", "output"]
    assert "swd_b" in judged.metrics
    own = judged.metrics["brightness"]
    assert own.value == pytest.approx(float(many.mean()))
    assert own.n_fake == len(many)
    assert own.higher_is_better
    two_ways = translated(lambda a: a)
    assert {*two_ways} - {*judged.metrics} >= {"cycle_l1", "psnr_truth"}


def test_an_enlarger_is_judged_by_the_pictures_that_were_made_small() -> None:
    def judged(there: Change) -> Judged:
        return judge_enlarger(Case(Enlarger(there), {}, {"a": PHOTOS}, {"a": PHOTOS}), P)

    perfect, blurred = judged(lambda a: a), judged(lambda a: soft(a, 2.0))
    assert perfect.metrics["psnr"].value == 100 > blurred.metrics["psnr"].high
    assert [len(rows) for rows in perfect.shown.values()] == [10, 10, 10]


def test_doing_nothing_scores_as_the_identity_and_less_than_the_affine_map() -> None:
    found = translated(lambda a: a)
    assert found["psnr_truth"].value == pytest.approx(found["psnr_identity"].value)
    assert found["psnr_gain_over_affine"].value < 0
    assert found["cycle_l1"].value == 0


@pytest.mark.parametrize(
    ("worse", "names"),
    [
        (
            lambda x, by: noisy(x, 0.2 * by),
            ["psnr_truth", "ssim_truth", "psnr_gain_over_affine", "swd_b", "swd_b_64px"],
        ),
        (
            lambda x, by: soft(x, 1.5 * by),
            ["psnr_truth", "ssim_truth", "psnr_gain_over_affine", "swd_b", "swd_b_32px"],
        ),
        (lambda x, by: x - 0.3 * by, ["psnr_truth", "ssim_truth", "swd_b", "swd_b_16px"]),
        (lambda x, by: checked(x, 0.1 * by), ["psnr_truth", "checkerboard_b"]),
    ],
    ids=["noise", "blur", "colour", "grid"],
)
def test_each_translation_metric_falls_when_what_comes_out_is_worse(
    worse: Callable[[Tensor, float], Tensor], names: list[str]
) -> None:
    found = [translated(lambda a, by=by: worse(TRUTH[: len(a)], by)) for by in LEVELS]  # type: ignore[misc]
    for name in names:
        assert _falls([metrics[name] for metrics in found]), name


def test_the_way_back_is_worse_the_farther_it_ends_from_where_it_began() -> None:
    found = [translated(lambda a: a, lambda b, by=by: b + 0.1 * by) for by in LEVELS]  # type: ignore[misc]
    assert [m["cycle_l1"].value for m in found] == pytest.approx([0, 0.1, 0.2], abs=1e-6)
    assert _falls([metrics["cycle_l1"] for metrics in found])


@pytest.mark.parametrize(
    ("worse", "names"),
    [
        (lambda x, by: noisy(x, 0.2 * by), ["swd", "swd_64px", KID]),
        (lambda x, by: soft(x, 1.5 * by), ["swd", "swd_64px", KID]),
        (lambda x, by: x - 0.3 * by, ["swd", "swd_16px", KID]),
        (lambda x, by: checked(x, 0.1 * by), ["checkerboard", "swd_64px"]),
        (lambda x, by: x[: (24, 4, 1)[int(by)]].repeat(24, 1, 1, 1)[:24], [KID]),
    ],
    ids=["noise", "blur", "colour", "grid", "dropped modes"],
)
def test_each_metric_of_a_set_falls_when_its_pictures_are_worse(
    worse: Callable[[Tensor, float], Tensor], names: list[str]
) -> None:
    fresh = scenes(400, 24)
    found = [judge_sets(PHOTOS, worse(fresh, by), PAIRS[0], P) for by in LEVELS]
    for name in names:
        assert _falls([metrics[name] for metrics in found]), name


def test_a_generator_that_repeats_its_training_pictures_is_told_by_their_nearness() -> None:
    fresh, seen = scenes(400, 24), PAIRS[0]
    found = [made(torch.cat([seen[:n], fresh[n:]]))["nearest_ratio"] for n in (0, 12, 24)]
    assert _falls(found)
    assert found[2].high < 0.01


def _falls(found: list[Metric]) -> bool:
    """Tell whether each is worse than the one before, in its own direction."""
    sign = 1 if found[0].higher_is_better else -1
    values = [sign * metric.value for metric in found]
    return values[0] > values[1] > values[2]


def test_what_is_as_good_as_real_scores_the_floor() -> None:
    """New scenes of the same world: as far from the test pictures as the training pictures are."""
    test, new, train = (scenes(first, 72) for first in (1000, 2000, 3000))
    as_good, blurred = (judge_sets(test, fake, train, P) for fake in (new, soft(new, 2.0)))
    for name in ("swd", "swd_64px", "swd_32px", KID):
        floor = as_good[name].floor
        assert floor is not None
        assert abs(as_good[name].value - floor) < (blurred[name].value - floor) / 3


def test_both_yardsticks_lie_farther_than_what_is_as_good_as_real() -> None:
    found = made(scenes(400, 24))
    for name in ("swd", KID):
        for yardstick in ("pca_gaussian", "blur_2px"):
            assert found[f"{name}_{yardstick}"].value > 1.5 * found[name].value


def test_real_pictures_themselves_score_nothing() -> None:
    found = made(PHOTOS)
    assert found["swd"].value == pytest.approx(0, abs=1e-5)
    assert found[KID].value < 0  # each has its equal on the other side, none on its own
    assert found["checkerboard"].value == pytest.approx(1)


def test_a_floor_needs_as_many_other_real_pictures_as_there_are_fakes() -> None:
    fakes = scenes(400, 24)
    assert made(fakes, PAIRS[0][:24])["swd"].floor is not None
    few = made(fakes, PAIRS[0][:23])
    assert (few["swd"].floor, few["swd_16px"].floor, few[KID].floor) == (None, None, None)


def test_a_record_names_what_it_was_measured_on_and_every_value_lies_in_its_interval() -> None:
    fakes, real = scenes(400, 20), PHOTOS
    for name, metric in judge_sets(real, fakes, PAIRS[0], P).items():
        assert (metric.n_real, metric.n_fake, metric.size_px) == (24, 20, 64)
        assert (metric.seed, metric.resizer) == (5, "area")
        assert metric.encoder == ("random conv x3" if name == KID else "")
        assert metric.low <= metric.value <= metric.high
        assert not metric.higher_is_better


def test_two_sets_are_judged_by_the_numbers_that_a_run_is_judged_by() -> None:
    fakes = scenes(400, 24)
    run, sets = made(fakes), judge_sets(PHOTOS, fakes, PAIRS[0], P)
    assert records(sets) == records({name: run[name] for name in sets})
    assert set(sets) == {"swd", "swd_64px", "swd_32px", "swd_16px", KID, "checkerboard"}


def test_a_truth_is_known_for_all_or_for_none() -> None:
    known = {"a": torch.zeros(3, 4, 4), "b": torch.ones(3, 4, 4)}
    stacked = truths(["a", "b"], 4, lambda url, size: known.get(url))
    assert stacked is not None
    assert stacked.shape == (2, 3, 4, 4)
    assert truths(["a", "x"], 4, lambda url, size: known.get(url)) is None
    assert truths([], 4, lambda url, size: None) is None


def test_without_a_truth_there_is_no_number_that_needs_one() -> None:
    case = Case(Known(lambda a: a), {}, {"a": PHOTOS, "b": CARTOONS}, TRAIN)
    judged = judge_translator(case, P)
    assert not [name for name in judged.metrics if "psnr" in name or "ssim" in name]
    assert list(judged.shown) == ["input", "output", "back"]


def test_test_pictures_are_the_first_cut_in_the_middle() -> None:
    pixels = torch.arange(3 * 3 * 20 * 20, dtype=torch.int64).reshape(3, 3, 20, 20).byte()
    found = evaluate.test_images(Images({"a": pixels}), EvaluateParams(n_max=2), 16)["a"]
    assert torch.equal(found, pixels[:2, :, 2:18, 2:18].float() / 127.5 - 1)
