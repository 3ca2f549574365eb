"""Pictures from the noise of an exported generator, and the training pictures next to them."""

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from memegan.dataset import Batch
from memegan.errors import ParamsError
from memegan.rng import Numbers
from memegan.training.export import Model
from memegan.training.grids import labelled, picture
from memegan.variants.base import Latent

AT_ONCE = 16
_COLUMNS = 8
_LOOK_PX = 16  # side at which pictures are compared


@torch.no_grad()
def samples(
    model: Model,
    count: int,
    seed: int,
    device: str = "cpu",
    truncation: float = 0.0,
    label: int | None = None,
) -> Iterator[Tensor]:
    """Yield `count` pictures, each (3, S, S) in [-1, 1] on the CPU.

    The n-th follows from the seed alone: more pictures begin with the same ones.

    Args:
        truncation: see `truncated`; 0: none.
        label: the class of all of them, from 0 on; None: of any, where the model has classes.

    Raises:
        ParamsError: the model does not make pictures from noise, has no such class; or, truncated,
            no codes.
    """
    if model.task != "generate":
        raise ParamsError(
            f"the model '{model.name}' is made to {model.task}: it needs pictures",
            where=f"models/{model.name}",
            fix="memegan translate takes it",
        )
    nets = {name: net.to(device) for name, net in model.nets.items()}
    latent = model.variant.latent(nets)
    if truncation and latent is None:
        raise ParamsError(
            f"the model '{model.name}' ({model.run.variant}) has no codes to truncate",
            where="--truncation",
            fix="leave it out, or name a model of a hypergan or a vaegan run",
        )
    if label is not None:
        check_label(label, model.run.class_count() or 0)
    side = model.run.crop_px
    for start in range(0, count, AT_ONCE):
        numbers = Numbers(seed, start, device)
        said = None if label is None else torch.full((AT_ONCE,), label, device=device)
        if truncation and latent is not None:
            codes = truncated(codes_of(latent, seed, start, device), truncation)
            labels = latent.labels(numbers, AT_ONCE) if said is None else said
            made = latent.decode(codes, labels)
        else:
            held = torch.zeros(AT_ONCE, 3, side, side, device=device)  # always full: the same bits
            batch = Batch({"a": held}, {} if said is None else {"a": said})
            made = model.variant.show(nets, batch, numbers)["fake"]
        yield from made[: count - start].clamp(-1, 1).cpu()


def check_label(label: int, classes: int) -> None:
    """Hold a class to those that a model has.

    Raises:
        ParamsError: it has no such class.
    """
    if label >= classes:
        has = f"has {classes} classes, counted from 0" if classes else "has no classes"
        fix = f"name one of 0 to {classes - 1}, or leave it out" if classes else "leave it out"
        raise ParamsError(f"the model {has}", where=f"--label {label}", fix=fix)


def codes_of(latent: Latent, seed: int, start: int, device: str) -> Tensor:
    """Return the codes of the `AT_ONCE` pictures from `start` on, (AT_ONCE, Z)."""
    return latent.draw(Numbers(seed, start, device), AT_ONCE)


def truncated(codes: Tensor, limit: float) -> Tensor:
    """Turn N(0, 1) into a normal cut off at +-limit: pictures nearer to the usual, and more alike.

    The truncation trick (Brock et al. 2019, section 3.1), by quantiles in place of drawing again:
    the n-th picture stays the n-th.
    """
    inside = math.erf(limit / math.sqrt(2))  # share of the normal within the limit
    return math.sqrt(2) * torch.erfinv(inside * torch.erf(codes.double() / math.sqrt(2))).float()


def nearest(made: Sequence[Tensor], real: Tensor) -> Tensor:
    """Return the index of the picture of `real` next to each of `made`, (len(made),).

    Mean squared difference at 16 px, of a picture or its mirror image: what a generator has
    learnt by heart is told, whatever noise lies over it.

    Args:
        made: each (3, S, S) in [-1, 1].
        real: (N, 3, S, S) in [-1, 1].
    """
    looks = torch.cat([_look(real), _look(real.flip(3))])
    return torch.cdist(_look(torch.stack(list(made))), looks).argmin(1) % len(real)


def sheet(made: Sequence[Tensor], beside: Tensor | None = None) -> Tensor:
    """Lay pictures out, eight a row, as (3, H, W) uint8; below each row what it is compared with.

    Args:
        made: each (3, S, S) in [-1, 1].
        beside: as many, (N, 3, S, S), or None.
    """
    if beside is not None:
        return named_rows({"made": made, "near": list(beside)})
    columns = min(_COLUMNS, len(made))
    return picture({str(at): row for at, row in _wrapped(made, columns)})


def named_rows(rows: Mapping[str, Sequence[Tensor]]) -> Tensor:
    """Lay rows of as many pictures (3, H, W) out, eight a line, each line of each row named.

    Returns:
        (3, H', W') uint8.
    """
    columns = min(_COLUMNS, *map(len, rows.values()))
    lines = {
        (at, number): (f"{name} {at}", row)
        for number, (name, pictures) in enumerate(rows.items())
        for at, row in _wrapped(pictures, columns)
    }
    return labelled(dict(lines[place] for place in sorted(lines)))


def _wrapped(pictures: Sequence[Tensor], columns: int) -> Iterator[tuple[int, Tensor]]:
    """Yield (number of its first picture, the pictures) of each line."""
    for at in range(0, len(pictures), columns):
        yield at, _filled(torch.stack(list(pictures[at : at + columns])), columns)


def _filled(row: Tensor, columns: int) -> Tensor:
    """Fill the last row up with white."""
    return torch.cat([row, row.new_ones(columns - len(row), *row.shape[1:])])


def _look(images: Tensor) -> Tensor:
    return functional.adaptive_avg_pool2d(images, _LOOK_PX).flatten(1)
