"""What the trainings of `memegan bench learn` are judged by."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import cast

import pytest
import torch
from benchmarks import _faces, _reconstruction, _superresolution, _translators, learn
from benchmarks._cpu_time import trained
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from memegan.dataset import Batch, Images
from memegan.errors import DataError
from memegan.metrics.paired import apply_colour
from memegan.metrics.references import pca_gaussian
from memegan.rng import Numbers
from memegan.variants.base import find_variant


@pytest.fixture(scope="module", autouse=True)
def _few_scenes() -> Iterator[None]:
    """Draw eight scenes a set: every picture is 64 px all the same."""
    patch = pytest.MonkeyPatch()
    few = {name: scenes[:8] for name, scenes in _translators.SCENES.items()}
    patch.setattr(_translators, "SCENES", few)
    yield
    patch.undo()
    _translators.drawn.cache_clear()
    _translators.yardsticks.cache_clear()


def colours(seed: int) -> Tensor:
    """Draw images within [-.5, .5] whose colours have a covariance of full rank."""
    rng = torch.Generator().manual_seed(seed)
    turn = torch.eye(3) + 0.3 * torch.randn(3, 3, generator=rng).tril(-1)
    plain = torch.rand(2, 3, 16, 16, generator=rng) - 0.5
    return 0.2 * torch.einsum("oc,nchw->nohw", turn, plain)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_colour_transfer_gives_the_targets_mean_and_covariance(here: int, there: int) -> None:
    source, target = colours(here), colours(there)
    moved = apply_colour(_translators.colour_transfer(source, target), source)
    x, y = (images.transpose(0, 1).flatten(1) for images in (moved, target))
    torch.testing.assert_close(x.mean(1), y.mean(1), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.cov(x), torch.cov(y), atol=1e-5, rtol=0)


@given(st.integers(0, 1000))
def test_colour_transfer_to_the_same_colours_moves_nothing(seed: int) -> None:
    found = _translators.colour_transfer(colours(seed), colours(seed))
    torch.testing.assert_close(found, torch.eye(3, 4), atol=1e-4, rtol=0)


def test_colour_transfer_between_single_channels_is_that_of_two_normals() -> None:
    """Shifted and scaled alike in all channels: the map is the scale and the shift."""
    source = colours(3)
    found = _translators.colour_transfer(source, 1.5 * source + 0.1)
    wanted = torch.cat([1.5 * torch.eye(3), torch.full((3, 1), 0.1)], 1)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


def test_no_scene_is_both_learnt_from_and_judged_by_nor_on_both_sides() -> None:
    for one, other in combinations(_translators.SCENES.values(), 2):
        assert not set(one) & set(other)


def test_the_truth_is_reached_and_each_reference_is_missed() -> None:
    truth = _translators.pairs()[1]
    known = _translators.yardsticks()
    assert _translators.judged(truth, truth, 2.5)["outcome"] == "reached"
    gains = [_translators.judged(images, truth, 1e-6) for images in known.values()]
    assert {found["outcome"] for found in gains} == {"missed"}
    assert max(float(found["psnr_gain"]) for found in gains) == pytest.approx(0, abs=1e-4)


def test_a_model_that_is_better_by_less_than_asked_for_is_missed() -> None:
    truth, plain = _translators.pairs()[1], _translators.yardsticks()["affine"]
    better = truth + 0.8 * (plain - truth)  # 20 log10(1 / .8) = 1.94 dB
    found = _translators.judged(better, truth, 1.9)
    assert found["outcome"] == "reached"
    assert found["psnr_gain"] == pytest.approx(1.938, abs=0.01)
    assert _translators.judged(better, truth, 2.0)["outcome"] == "missed"


def test_a_training_ends_when_its_time_is_up_and_says_what_it_cost() -> None:
    pixels = Images(
        {"a": _translators.drawn("a", "photo"), "b": _translators.drawn("b", "cartoon")}
    )
    run = _translators.run_of(_translators.RUNS["resnet"], seed=1)
    done = trained(run, pixels, cpu_s=0)
    assert done.images == run.batch_size  # a step is not cut
    photos, _ = _translators.pairs()
    assert _translators.translated(done.averages["generator_ab"], photos).shape == photos.shape


def test_no_step_costs_more_than_one_and_a_half_of_the_resnets() -> None:
    cost = {name: _operations(said) for name, said in _translators.RUNS.items()}
    assert cost["resnet"] > 1e9
    assert max(cost.values()) <= 1.5 * cost["resnet"]


def _operations(said: Mapping[str, object]) -> float:
    """Count the multiplications and additions of a step, an image."""
    run = _translators.run_of(said, seed=1)
    variant = find_variant(run.variant).make(run)
    pictures = torch.zeros(run.batch_size, 3, _translators.SIDE_PX, _translators.SIDE_PX)
    batch = Batch({"a": pictures, "b": pictures})
    with FlopCounterMode(display=False) as counter, run.rounding("cpu"):
        variant.step(batch, variant.optimizers(), Numbers(1, 0))
    return float(counter.get_total_flops()) / run.batch_size


def test_without_photographs_the_enlarger_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MEMEGAN_REAL_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"no photographs(.|\n)*MEMEGAN_REAL_DATA"):
        _superresolution.sample(_superresolution.CASES["superres x2"], 0)


def test_every_case_is_a_run_of_its_variant_with_a_bar_in_ten_minutes() -> None:
    cases = {**_translators.CASES, **_superresolution.CASES}
    assert {"resnet", "unet", "vgg16", "cut", "fastcut", "superres x2", "superres x4"} == set(cases)
    for name, case in cases.items():
        run = _translators.run_of(cast("dict[str, object]", case["run"]), seed=2)
        assert (run.seed, run.threads) == (2, 1), name
        assert 0 < cast("float", case["cpu_s"]) <= 600, name
    bars = [cases[name]["least_db"] for name in _translators.RUNS]
    assert bars == [2.5, 1.0, 1.0, 1.0, 1.0]


def test_other_faces_are_nearer_than_a_gaussian_of_faces() -> None:
    taught, other = (
        _faces.faces(range(start, start + len(_faces.JUDGED))).float() / 127.5 - 1
        for start in (0, 20_000)
    )
    real = _faces.distances(other)
    gaussian = _faces.distances(pca_gaussian(taught, len(_faces.JUDGED), 0), "pca_")
    assert real["kid"] < gaussian["pca_kid"]
    assert real["swd"] < gaussian["pca_swd"]


def test_no_face_is_both_learnt_from_and_judged_by() -> None:
    assert not set(_faces.LEARNT) & set(_faces.JUDGED)


def test_a_vae_gan_is_judged_beside_the_nearest_and_the_mean_picture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "emoji" / "faces"
    folder.mkdir(parents=True)
    for number in range(20):
        Image.new("RGB", (64, 64), (25 * (number % 10), 0, 0)).save(folder / f"{number:02}.png")
    names = "".join(f"faces/{number:02}.png,figure{number:02}\n" for number in range(20))
    (folder.parent / "labels.csv").write_text(f"file,name\n{names}")
    monkeypatch.setenv("MEMEGAN_REAL_DATA", str(tmp_path))
    found = _reconstruction.learnt(_reconstruction.RUN, 0, cpu_s=0)
    assert found["outcome"] == "missed"
    assert float(found["psnr_nearest"]) > float(found["psnr_mean"]) > 0


def test_averages_of_two_pictures_hit_the_modes_and_are_not_taken_for_learnt() -> None:
    found = learn.averages(0)
    assert float(found["modes"]) >= learn.LEAST_MODES[27]
    assert float(found["accepted"]) < learn.LEAST_ACCEPTED
    assert found["outcome"] == "missed"


def test_training_pictures_reach_the_bar_of_their_modes() -> None:
    for modes in learn.SETS.values():
        pictures = modes.pictures(20 * len(modes), 0)[0].float() / 127.5 - 1
        assert learn.judged(modes, [pictures])["outcome"] == "reached"


def test_the_worst_seed_has_the_fewest_modes_and_the_largest_distance() -> None:
    samples = [{"outcome": "reached", "modes": modes, "kid": modes / 100} for modes in (25, 27, 24)]
    found = learn.BENCH.summary(samples)
    assert (found["modes"], found["kid"]) == (25, 0.25)
    assert found["worst"] == {"modes": 24, "kid": 0.27}
