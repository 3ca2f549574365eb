"""A network made from its text: the layers of a blueprint, with weights."""

from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from memegan.networks.blocks import init_normal
from memegan.networks.fitting import Blueprint
from memegan.networks.layer import Ended, Weighted

Init = Literal["normal", "he", "xavier", "orthogonal", "torch"]
_SLOPES = {"relu": 0.0, "lrelu": 0.2}  # of lines that end in one


class Network(nn.Module):
    """The layers of a blueprint, with weights."""

    def __init__(self, plan: Blueprint, init: Init = "torch", spectral: bool = False) -> None:
        super().__init__()
        self.plan = plan
        self.layers = nn.ModuleDict(
            {f"{n:02d}_{node.kind}": node.make() for n, node in enumerate(plan.nodes)}
        )
        steps = list(self.layers.values())
        for node, step in zip(plan.nodes, steps, strict=True):
            ends = node.layer.activation if isinstance(node.layer, Ended) else "none"
            initialise(step, init, _SLOPES.get(ends, 1.0))
            if isinstance(node.layer, Weighted) and node.layer.gain != 1:
                _scale(step, node.layer.gain)
        for node, step in zip(plan.nodes, steps, strict=True):
            said = node.layer.norm if isinstance(node.layer, Ended) else "none"
            if spectral or said == "spectral":
                _each_weight(step, nn.utils.parametrizations.spectral_norm)
            elif said == "weight":
                _each_weight(step, nn.utils.parametrizations.weight_norm)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Map the input, and the class of each image where there are classes, to the last output.

        Args:
            x: (N, *shape of the input).
            label: (N,) int64.
        """
        return self.outputs(x, label)[-1]

    def outputs(self, x: Tensor, label: Tensor | None = None) -> list[Tensor]:
        """Return the input and what each layer gives, in order."""
        found = [x]
        for node, step in zip(self.plan.nodes, self.layers.values(), strict=True):
            given = [self._class(label) if at < 0 else found[at] for at in node.reads]
            found.append(step(*given))
        return found

    def named(self, x: Tensor, names: Iterable[str], label: Tensor | None = None) -> list[Tensor]:
        """Return the last output, then the named ones."""
        found = self.outputs(x, label)
        return [found[-1], *(found[self.plan.names[name]] for name in names)]

    def first_weights(self) -> Tensor | None:
        """Return the weights of the linear layers that read the input, (F, Z); None without one.

        Layers without weights may lie between. What comes of a class is left out.
        """
        size, reached = self.plan.frame.shape[0], {0}
        found = []
        for at, (node, step) in enumerate(zip(self.plan.nodes, self.layers.values(), strict=True)):
            if not reached.intersection(node.reads):
                continue
            if node.kind == "latent" or not any(True for _ in step.parameters()):
                reached.add(at + 1)
                continue
            linear = next((m for m in step.modules() if isinstance(m, nn.Linear)), None)
            if linear is not None:
                found.append(linear.weight.detach()[:, :size])
        return torch.cat(found) if found else None

    def _class(self, label: Tensor | None) -> Tensor:
        if label is None:
            raise ValueError("this network has classes and was given none")
        return label


def initialise(net: nn.Module, how: Init, slope: float = 1.0) -> None:
    """Draw initial weights of convolutions and linear layers, in the order of the modules.

    normal: N(0, .02) (Radford et al. 2016); he: He et al. 2015, eq. 15; xavier: Glorot and Bengio
    2010; orthogonal: Saxe et al. 2014; torch: as torch makes them.

    Args:
        slope: of the leaky ReLU that follows; 1 where none does, and `he` keeps the variance.
    """
    if how == "normal":
        init_normal(net)
    if how in ("normal", "torch"):
        return
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            match how:
                case "he":
                    nn.init.kaiming_normal_(layer.weight, slope)
                case "xavier":
                    nn.init.xavier_uniform_(layer.weight)
                case "orthogonal":
                    nn.init.orthogonal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _scale(step: nn.Module, gain: float) -> None:
    with torch.no_grad():
        for layer in step.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                layer.weight.mul_(gain)


def _each_weight(step: nn.Module, how: Callable[[nn.Module], nn.Module]) -> None:
    for layer in list(step.modules()):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            how(layer)
