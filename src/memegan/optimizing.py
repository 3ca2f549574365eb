"""Optimizers by name, and how one player or several take their steps."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.nn.utils import get_total_norm
from torch.optim import Adam, Optimizer

_WITH_BETAS = ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")


def adam(nets: list[nn.Module], learning_rate: float, betas: tuple[float, float]) -> Optimizer:
    """Make one fused Adam over several networks."""
    weights = [p for net in nets for p in net.parameters() if p.requires_grad]
    return Adam(weights, lr=learning_rate, betas=betas, fused=True)


def optimizer(
    name: str,
    nets: list[nn.Module],
    learning_rate: float,
    betas: tuple[float, float],
    options: Mapping[str, float],
) -> Optimizer:
    """Make one optimizer of torch.optim over several networks; Adam without options is fused.

    Negative momentum (Gidel et al. 2019, section 4) damps the circles of two players. Torch
    refuses to make such an optimizer and computes it all the same; so it is set afterwards.

    Args:
        betas: of Adam and its kin; the first may be negative.
        options: more of its arguments; `momentum` of SGD may be negative.

    Raises:
        TypeError, ValueError: it does not know an option, or refuses its value.
    """
    if name == "Adam" and not options and betas[0] >= 0:
        return adam(nets, learning_rate, betas)
    kind: Any = vars(optim)[name]  # each has arguments of its own
    weights = [p for net in nets for p in net.parameters() if p.requires_grad]
    more: dict[str, Any] = {"betas": betas} if name in _WITH_BETAS else {}
    more |= options
    negative: dict[str, Any] = {}
    if name in _WITH_BETAS and betas[0] < 0:
        negative, more["betas"] = {"betas": betas}, (0.0, betas[1])
    if name == "SGD" and -1 < options.get("momentum", 0) < 0:
        negative, more["momentum"] = {"momentum": options["momentum"]}, 0.0
    found: Optimizer = kind(weights, lr=learning_rate, **more)
    for group in found.param_groups:
        group.update(negative)
    return found


class GradientError(ArithmeticError):
    """A loss was finite and its gradient was not; the loop counts the step as skipped."""


def descend(optimizer: Optimizer, loss: Tensor) -> None:
    """Take one step down `loss`; a loss or gradient that is not finite moves nothing.

    Raises:
        GradientError: the loss is finite, its gradient is not.
    """
    descend_parts(optimizer, [loss])


def descend_parts(optimizer: Optimizer, losses: Iterable[Tensor]) -> None:
    """Take one step down the sum of `losses`; each is asked for when the one before is let go.

    Raises:
        GradientError: the losses are finite, their gradient is not.
    """
    if _slope(optimizer, losses):
        optimizer.step()


def descend_together(optimizers: Mapping[str, Optimizer], losses: Mapping[str, Tensor]) -> None:
    """Let players step at once: all slopes are taken first, each by its optimizer's name.

    Raises:
        GradientError: a loss is finite, its gradient is not; nobody has moved.
    """
    slopes = {name: _slope(optimizers[name], [loss]) for name, loss in losses.items()}
    for name, is_finite in slopes.items():
        if is_finite:
            optimizers[name].step()


def extragradient(
    optimizers: Mapping[str, Optimizer], losses: Callable[[str], Mapping[str, Tensor]]
) -> None:
    """Let players step from where they are, by the slopes at where plain steps would lead.

    Korpelevich 1976; with Adam it is ExtraAdam (Gidel et al. 2019, algorithm 4): the look ahead
    moves the moments too. Games that plain steps circle around or leave come to rest by it.

    Args:
        losses: gives each player's loss by the optimizer's name, at the weights as they are; it is
            called with "look", then with "step".

    Raises:
        GradientError: a loss is finite, its gradient is not; the weights are as before.
    """
    groups = [group for optimizer in optimizers.values() for group in optimizer.param_groups]
    weights = [weight.detach() for group in groups for weight in group["params"]]
    before = [weight.clone() for weight in weights]
    try:
        descend_together(optimizers, losses("look"))
        slopes = {name: _slope(optimizers[name], [loss]) for name, loss in losses("step").items()}
    finally:
        torch._foreach_copy_(weights, before)
    for name, is_finite in slopes.items():
        if is_finite:
            optimizers[name].step()


def _slope(optimizer: Optimizer, losses: Iterable[Tensor]) -> bool:
    """Set the gradients of the sum of `losses`; tell whether all losses are finite."""
    optimizer.zero_grad(set_to_none=True)
    for loss in losses:
        if not torch.isfinite(loss.detach()):
            return False
        loss.backward()  # type: ignore[no-untyped-call]
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    norm = get_total_norm([w.grad for w in weights if w.grad is not None])
    if not torch.isfinite(norm):
        raise GradientError
    return True


def freeze(nets: list[nn.Module], frozen: bool) -> None:
    """Say whether these networks' weights get gradients; their inputs get them all the same."""
    for net in nets:
        net.requires_grad_(not frozen)
