"""Known ways in which a GAN dies, told while it trains, each with what to change."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from memegan.training.health import Health

_DIVERGED = 1000.0  # a discriminator that learns pays below ten; critics tell some hundred at most
_ONCE = 0.25  # of the diversity of training pictures: with less, samples have not parted yet


@dataclass(frozen=True)
class Alarm:
    """What was seen and what may mend it."""

    name: str
    what: str
    fix: str


def look(images: Mapping[str, Tensor], losses: Mapping[str, float]) -> list[Alarm]:
    """Return the alarms that a grid and the newest losses give.

    Args:
        images: what `Variant.show` gave, (N, 3, H, W) in [-1, 1]; names that begin with `fake`
            are judged, inputs `a` and `b` are what they are compared with.
    """
    found = []
    for name, fakes in images.items():
        if name.startswith("fake"):
            found += _collapse(name, fakes)
            source = images.get({"fake_b": "a", "fake_a": "b"}.get(name, ""))
            if source is not None:
                found += _inverted(name, source, fakes)
            found += _checkerboard(name, fakes)
    found += [
        Alarm(
            "saturated_discriminator",
            f"{name} is {value:.4f}: it tells every fake",
            "lower its learning rate or width, or add noise by diffaugment or an R1 penalty",
        )
        for name, value in losses.items()
        if name.startswith("discriminator") and 0 <= value < 0.003  # a critic is far below 0
    ]
    found += [
        Alarm(
            "diverged",
            f"{name} is {value:.0f}: its logits run away",
            "lower the learning rates, of the discriminator first, or raise what is paid for its "
            "slope, where the variant has it",
        )
        for name, value in losses.items()
        if name.startswith("discriminator") and abs(value) > _DIVERGED  # not gan: critics drift
    ]
    return found


def compare(name: str, health: Health, best: Health, is_of_noise: bool) -> list[Alarm]:
    """Return the alarms that samples give beside the training pictures.

    Args:
        best: the most that healthy grids before this one had of each.
        is_of_noise: pictures that follow from others differ as those do.
    """
    found = []
    if health.copies >= 0.5:
        found.append(
            Alarm(
                "memorised",
                f"{health.copies:.0%} of {name} are training pictures",
                "use more images or diffaugment, stop earlier, or narrow the discriminator",
            )
        )
    if not is_of_noise or best.diversity < _ONCE:  # young samples are all alike
        return found
    if health.diversity < best.diversity / 2:
        found.append(
            Alarm(
                "less_diverse",
                f"{name} differ by {health.diversity:.2f} of what training pictures do, "
                f"after {best.diversity:.2f}",
                "use diffaugment or an R1 penalty, more data, or a smaller generator rate",
            )
        )
    if health.coverage < best.coverage / 3:
        found.append(
            Alarm(
                "less_covered",
                f"{name} reach {health.coverage:.2f} of the pictures that they could, "
                f"after {best.coverage:.2f}",
                "use diffaugment or an R1 penalty, a larger batch, or a smaller generator rate",
            )
        )
    if health.twins > 0.5:
        found.append(
            Alarm(
                "twins",
                f"{health.twins:.0%} of {name} have another one on top of them",
                "use diffaugment or an R1 penalty, minibatch_stddev, or a smaller generator rate",
            )
        )
    return found


def _collapse(name: str, fakes: Tensor) -> list[Alarm]:
    inside = float(fakes.std((2, 3)).mean())
    if inside < 0.03:
        colour = "black" if float(fakes.mean()) < -0.8 else "one colour"
        return [
            Alarm(
                "flat",
                f"{name} is {colour}",
                "lower the learning rate, or use a patch discriminator and instance norm",
            )
        ]
    if len(fakes) > 1 and float(fakes.std(0).mean()) < 0.02:
        return [
            Alarm(
                "same_picture",
                f"all {len(fakes)} pictures of {name} are alike",
                "use diffaugment or an R1 penalty, more data, or a smaller generator rate",
            )
        ]
    return []


def _inverted(name: str, source: Tensor, fakes: Tensor) -> list[Alarm]:
    """Tell a negative: brightness runs against the input's in nearly all pictures."""
    x, y = (images.mean(1).flatten(1) for images in (source, fakes))
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    alike = (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1)).clamp_min(1e-6)
    if float((alike < -0.5).float().mean()) < 0.8:
        return []
    return [
        Alarm(
            "inverted",
            f"{name} is a negative of its input",
            "raise lambda_identity for the first images, or start from another seed",
        )
    ]


def _checkerboard(name: str, fakes: Tensor) -> list[Alarm]:
    """Tell a grid: energy at half the sampling rate, against all but the constant."""
    spectrum = torch.fft.rfft2(fakes.mean(1)).abs().square().mean(0)
    nyquist = spectrum[spectrum.shape[0] // 2, -1] + spectrum[0, -1]
    rest = spectrum.sum() - spectrum[0, 0]
    if float(nyquist / rest.clamp_min(1e-9)) < 0.1:
        return []
    return [
        Alarm(
            "checkerboard",
            f"{name} has a grid of single pixels",
            "train longer; else resize convolutions (model.resnet.upsample: resize), instance norm",
        )
    ]
