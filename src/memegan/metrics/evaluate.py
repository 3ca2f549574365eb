"""One protocol for every variant: the same rows, counts, resizer and seeds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from memegan.dataset import Batch, Images
from memegan.metrics.base import RESAMPLES, Metric, bootstrap_mean, interval
from memegan.metrics.checkerboard import grid_energy
from memegan.metrics.kid import ENCODERS, random_kid
from memegan.metrics.paired import affine_colour, apply_colour, psnr, ssim
from memegan.metrics.references import blurred, nearest_ratio, pca_gaussian
from memegan.metrics.swd import sliced_wasserstein
from memegan.params import Section
from memegan.rng import Numbers
from memegan.variants.base import Measured, Variant

T = TypeVar("T")
KID = f"kid_random{ENCODERS}"
_AT_ONCE = 32
_SHOWN = 10


class EvaluateParams(Section):
    """The `evaluate` section."""

    split: Literal["test", "val"] = Field(
        default="test", description="whose rows; val to choose among settings, test to report"
    )
    n_max: int = Field(default=256, ge=2, description="images of each side at most")
    seed: int = Field(default=0, description="of patches, projections, noise and resamples")
    resamples: int = Field(default=RESAMPLES, ge=10, description="of the pictures, for an interval")


@dataclass(frozen=True)
class Case:
    """What a model is judged on; every tensor (N, 3, S, S) in [-1, 1].

    `truth` is the hidden right answer of each test image of `a`, `train_pairs` training images of
    `a` with theirs; both only where somebody knows them.
    """

    variant: Variant
    nets: Mapping[str, nn.Module]
    test: Mapping[str, Tensor]
    train: Mapping[str, Tensor]
    truth: Tensor | None = None
    train_pairs: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True)
class Judged:
    """The metrics, and rows of pictures to look at, by name."""

    metrics: dict[str, Metric]
    shown: dict[str, Tensor] = field(default_factory=dict)


def judge_translator(case: Case, p: EvaluateParams) -> Judged:
    """Judge a to b: texture against real b, the way back, and the truth where it is known."""
    a, b = case.test["a"], case.test["b"]
    out = _outputs(case, a, b, p)
    fake, size = out["fake_b"], a.shape[-1]
    score = _Score(len(b), len(fake), size, p)
    metrics = _swd(score, "swd_b", b, fake, case.train["b"])
    metrics |= _grid(score, "checkerboard_b", fake, b)
    metrics |= _own(score, case, a)
    shown = {"input": a, "output": fake}
    if (back := out.get("cycle_a")) is not None:
        metrics["cycle_l1"] = score.mean((back - a).abs().mean((1, 2, 3)), higher=False)
        shown["back"] = back
    if case.truth is not None:
        shown["hidden truth"] = case.truth
        metrics["psnr_truth"] = score.mean(psnr(fake, case.truth), higher=True)
        metrics["ssim_truth"] = score.mean(ssim(fake, case.truth), higher=True)
        metrics["psnr_identity"] = score.mean(psnr(a, case.truth), higher=True)
        if case.train_pairs is not None:
            mapped = apply_colour(affine_colour(*case.train_pairs), a)
            gain = psnr(fake, case.truth) - psnr(mapped, case.truth)
            metrics["psnr_affine"] = score.mean(psnr(mapped, case.truth), higher=True)
            metrics["psnr_gain_over_affine"] = score.mean(gain, higher=True)
    return Judged(metrics, shown)


def judge_generator(case: Case, p: EvaluateParams) -> Judged:
    """Judge pictures from noise beside a PCA Gaussian and blurred real images."""
    real, train = case.test["a"], case.train["a"]
    fake = case.variant.show(case.nets, Batch({"a": real}), Numbers(p.seed, 0))["fake"]
    score = _Score(len(real), len(fake), real.shape[-1], p)
    gaussian = pca_gaussian(train, len(real), p.seed)
    metrics = _sets(score, real, fake, train)
    for name, yardstick in (("pca_gaussian", gaussian), ("blur_2px", blurred(real))):
        metrics[f"swd_{name}"] = _swd(score, "x", real, yardstick, train)["x"]
        metrics[f"{KID}_{name}"] = _kid(score, real, yardstick, train)
    metrics["nearest_ratio"] = score.mean(nearest_ratio(fake, train, real), higher=True)
    metrics |= _own(score, case, real)
    return Judged(metrics, {"real": real, "made": fake})


def judge_enlarger(case: Case, p: EvaluateParams) -> Judged:
    """Judge enlarged pictures by the ones they were made small from, which `measure` knows."""
    a = case.test["a"]
    out = case.variant.show(case.nets, Batch({"a": a[:_SHOWN]}), Numbers(p.seed, 0))
    score = _Score(len(a), len(a), a.shape[-1], p)
    shown = {"bicubic": out["a"], "output": out["fake"], "truth": out["truth"]}
    return Judged(_own(score, case, a), shown)


def judge_sets(
    real: Tensor, fake: Tensor, more_real: Tensor, p: EvaluateParams
) -> dict[str, Metric]:
    """Judge any pictures by real ones.

    Args:
        real, fake: (N, 3, S, S) and (M, 3, S, S) in [-1, 1], N and M at least 2.
        more_real: other real pictures, for the floor; fewer than M: there is none.
    """
    return _sets(_Score(len(real), len(fake), real.shape[-1], p), real, fake, more_real)


def test_images(images: Images, p: EvaluateParams, crop_px: int) -> dict[str, Tensor]:
    """Cut at most `n_max` images of each side in the middle."""
    return images.first(p.n_max, crop_px).images


def _outputs(case: Case, a: Tensor, b: Tensor, p: EvaluateParams) -> dict[str, Tensor]:
    """Show all test images, 32 at a time."""
    parts: list[dict[str, Tensor]] = []
    for start in range(0, len(a), _AT_ONCE):
        some = Batch({"a": a[start : start + _AT_ONCE], "b": b[:1]})
        parts.append(case.variant.show(case.nets, some, Numbers(p.seed, start)))
    names = [name for name in ("fake_b", "cycle_a") if name in parts[0]]
    return {name: torch.cat([part[name] for part in parts]) for name in names}


def _own(score: "_Score", case: Case, a: Tensor) -> dict[str, Metric]:
    """Ask the variant what it alone can say of the images, some at a time."""
    parts: list[dict[str, Measured]] = []
    for start in range(0, len(a), _AT_ONCE):
        some = Batch({"a": a[start : start + _AT_ONCE]})
        parts.append(case.variant.measure(case.nets, some, Numbers(score.p.seed, start)))
    return {
        name: score.mean(
            torch.cat([part[name].values for part in parts]), higher=first.higher_is_better
        )
        for name, first in parts[0].items()
    }


@dataclass(frozen=True)
class _Score:
    n_real: int
    n_fake: int
    size_px: int
    p: EvaluateParams

    def mean(self, values: Tensor, *, higher: bool, floor: float | None = None) -> Metric:
        value, low, high = bootstrap_mean(
            values.detach().double().numpy(), self.p.seed, self.p.resamples
        )
        return self.of(value, (low, high), higher=higher, floor=floor)

    def of(
        self,
        value: float,
        bounds: tuple[float, float],
        *,
        higher: bool,
        floor: float | None = None,
        encoder: str = "",
    ) -> Metric:
        return Metric(
            value,
            *bounds,
            self.n_real,
            self.n_fake,
            self.size_px,
            higher,
            floor,
            encoder,
            seed=self.p.seed,
        )


def _sets(score: _Score, real: Tensor, fake: Tensor, train: Tensor) -> dict[str, Metric]:
    """Measure what needs nothing but two sets of pictures."""
    metrics = _swd(score, "swd", real, fake, train)
    metrics[KID] = _kid(score, real, fake, train)
    return metrics | _grid(score, "checkerboard", fake, real)


def _swd(score: _Score, name: str, real: Tensor, fake: Tensor, train: Tensor) -> dict[str, Metric]:
    found = sliced_wasserstein(real, fake, score.p.seed, score.p.resamples)
    least = _floor(fake, train, lambda other: sliced_wasserstein(real, other, score.p.seed, 1))
    made = {name: (found.mean, found.resampled_mean, least.mean if least else None)}
    for side, value in found.value.items():
        floor = least.value[side] if least else None
        made[f"{name}_{side}px"] = (value, found.resampled[side], floor)
    return {
        key: score.of(value, _around(value, resampled), higher=False, floor=floor)
        for key, (value, resampled, floor) in made.items()
    }


def _grid(score: _Score, name: str, fake: Tensor, real: Tensor) -> dict[str, Metric]:
    """Energy of a pixel grid in units of what real images have."""
    usual = float(grid_energy(real).mean())
    return {name: score.mean(grid_energy(fake) / max(usual, 1e-9), higher=False, floor=1.0)}


def _kid(score: _Score, real: Tensor, fake: Tensor, train: Tensor) -> Metric:
    value, resampled = random_kid(real, fake, score.p.seed, score.p.resamples)
    floor = _floor(fake, train, lambda other: random_kid(real, other, score.p.seed, 1)[0])
    bounds = _around(value, resampled)
    return score.of(value, bounds, higher=False, floor=floor, encoder=f"random conv x{ENCODERS}")


def _floor(fake: Tensor, train: Tensor, distance: Callable[[Tensor], T]) -> T | None:
    """Return the distance to as many other real pictures as there are fakes, if there are."""
    return distance(train[: len(fake)]) if len(train) >= len(fake) else None


def _around(value: float, resampled: Tensor) -> tuple[float, float]:
    """Return an interval about the value.

    A resample holds pictures twice and so lies farther away: its spread is what counts.
    """
    return interval((resampled - resampled.mean() + value).numpy())


JUDGES: dict[str, Callable[[Case, EvaluateParams], Judged]] = {
    "translate": judge_translator,
    "generate": judge_generator,
    "enlarge": judge_enlarger,
}
Truth = Callable[[str, int], Tensor | None]  # (url, size_px) -> (3, size_px, size_px) in [-1, 1]


def truths(urls: Iterable[str], size_px: int, truth: Truth) -> Tensor | None:
    """Return the hidden truth of every url, or None when one of them has none."""
    found: Sequence[Tensor | None] = [truth(url, size_px) for url in urls]
    known = [image for image in found if image is not None]
    return torch.stack(known) if known and len(known) == len(found) else None
