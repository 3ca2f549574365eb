"""One protocol for every variant: the same rows, counts, resizer and seeds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from memegan.dataset import Batch, Images
from memegan.metrics.base import RESAMPLES, Metric, bootstrap_mean, interval
from memegan.metrics.checkerboard import grid_energy
from memegan.metrics.kid import ENCODERS, SPLITS, random_kid
from memegan.metrics.paired import affine_colour, apply_colour, psnr, ssim
from memegan.metrics.references import blurred, nearest_ratio, pca_gaussian
from memegan.metrics.swd import sliced_wasserstein
from memegan.params import Section
from memegan.rng import Numbers
from memegan.variants.base import Variant


class EvaluateParams(Section):
    """The `evaluate` section."""

    n_max: int = Field(default=256, ge=2, description="images of each side at most")
    seed: int = Field(default=0, description="of patches, projections, noise and resamples")


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
    score = _Score(len(b), len(fake), size, p.seed)
    metrics = _swd(score, "swd_b", b, fake, case.train["b"])
    metrics |= _grid(score, "checkerboard_b", fake, b)
    cycle = (out["cycle_a"] - a).abs().mean((1, 2, 3))
    metrics["cycle_l1"] = score.mean(cycle, higher=False)
    shown = {"input": a, "output": fake, "back": out["cycle_a"]}
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
    score = _Score(len(real), len(fake), real.shape[-1], p.seed)
    metrics = _swd(score, "swd", real, fake, train)
    metrics["swd_pca_gaussian"] = _swd(
        score, "x", real, pca_gaussian(train, len(real), p.seed), train
    )["x"]
    metrics["swd_blur_2px"] = _swd(score, "x", real, blurred(real), train)["x"]
    name = f"kid_random{ENCODERS}x{SPLITS}"
    metrics[name] = _kid(score, real, fake, train)
    metrics[f"{name}_pca_gaussian"] = _kid(
        score, real, pca_gaussian(train, len(real), p.seed), train
    )
    metrics |= _grid(score, "checkerboard", fake, real)
    metrics["nearest_ratio"] = score.mean(nearest_ratio(fake, train, real), higher=True)
    return Judged(metrics, {"real": real, "made": fake})


def test_images(images: Images, p: EvaluateParams, crop_px: int) -> dict[str, Tensor]:
    """Cut at most `n_max` images of each side in the middle."""
    return images.first(p.n_max, crop_px).images


def _outputs(case: Case, a: Tensor, b: Tensor, p: EvaluateParams) -> dict[str, Tensor]:
    """Show all test images, 32 at a time."""
    parts: list[dict[str, Tensor]] = []
    for start in range(0, len(a), 32):
        some = Batch({"a": a[start : start + 32], "b": b[:1]})
        parts.append(case.variant.show(case.nets, some, Numbers(p.seed, start)))
    return {name: torch.cat([part[name] for part in parts]) for name in ("fake_b", "cycle_a")}


@dataclass(frozen=True)
class _Score:
    n_real: int
    n_fake: int
    size_px: int
    seed: int

    def mean(self, values: Tensor, *, higher: bool, floor: float | None = None) -> Metric:
        value, low, high = bootstrap_mean(values.detach().double().numpy(), self.seed)
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
            seed=self.seed,
        )


def _swd(score: _Score, name: str, real: Tensor, fake: Tensor, train: Tensor) -> dict[str, Metric]:
    found = sliced_wasserstein(real, fake, score.seed, RESAMPLES)
    floor = sliced_wasserstein(real, train[: len(real)], score.seed, 1)
    made = {name: (found.mean, found.resampled_mean, floor.mean)}
    for side, value in found.value.items():
        made[f"{name}_{side}px"] = (value, found.resampled[side], floor.value[side])
    return {  # a resample holds pictures twice and so lies farther away: its spread is what counts
        key: score.of(
            value,
            interval((resampled - resampled.mean() + value).numpy()),
            higher=False,
            floor=least,
        )
        for key, (value, resampled, least) in made.items()
    }


def _grid(score: _Score, name: str, fake: Tensor, real: Tensor) -> dict[str, Metric]:
    """Energy of a pixel grid in units of what real images have."""
    usual = float(grid_energy(real).mean())
    return {name: score.mean(grid_energy(fake) / max(usual, 1e-9), higher=False, floor=1.0)}


def _kid(score: _Score, real: Tensor, fake: Tensor, train: Tensor) -> Metric:
    values = random_kid(real, fake, score.seed)
    value, low, high = bootstrap_mean(values, score.seed)
    floor = float(np.mean(random_kid(real, train[: len(real)], score.seed)))
    return score.of(value, (low, high), higher=False, floor=floor, encoder="random conv x3")


JUDGES: dict[str, Callable[[Case, EvaluateParams], Judged]] = {
    "translate": judge_translator,
    "generate": judge_generator,
}
Truth = Callable[[str, int], Tensor | None]  # (url, size_px) -> (3, size_px, size_px) in [-1, 1]


def truths(urls: Iterable[str], size_px: int, truth: Truth) -> Tensor | None:
    """Return the hidden truth of every url, or None when one of them has none."""
    found: Sequence[Tensor | None] = [truth(url, size_px) for url in urls]
    known = [image for image in found if image is not None]
    return torch.stack(known) if known and len(known) == len(found) else None
