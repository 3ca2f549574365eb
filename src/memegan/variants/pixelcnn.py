"""PixelCNN++ (Salimans et al. 2017): exact likelihood, samples, and completion of pictures."""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.optim import Optimizer

from memegan.dataset import Batch
from memegan.errors import ParamsError
from memegan.networks.mixtures import bits_per_dim
from memegan.networks.pixelcnn import PixelCNN, Shape
from memegan.networks.pixelcnn_sample import sample
from memegan.optimizing import adam, descend
from memegan.params import Section
from memegan.rng import Numbers
from memegan.variants.base import Measured, Plan, Schedule, Variant, VariantSpec

_AT_ONCE = 32  # pictures that are sampled or judged together: the memory that it takes


class SizeParams(Section):
    """Width and depth: those of `preset`, but for what is said here."""

    preset: Literal["small", "paper"] = Field(
        default="small", description="small: 5.5 M weights, for 3 GB; paper: 53.7 M"
    )
    filters: int | None = Field(default=None, ge=1, description="channels; small 64, paper 160")
    blocks: int | None = Field(default=None, ge=1, description="a scale; small 3, paper 5")
    mixtures: int | None = Field(default=None, ge=1, description="logistics a pixel; 10")
    dropout: float | None = Field(default=None, ge=0, lt=1, description="0.5")

    def shape(self, classes: int) -> Shape:
        """Return the network's shape."""
        preset = {"small": {"filters": 64, "blocks": 3}, "paper": {"filters": 160, "blocks": 5}}
        said = self.model_dump(exclude={"preset"}, exclude_none=True)
        return Shape(**{"classes": classes, **preset[self.preset], **said})


class PixelCNNRun(Plan):
    """Defaults are the paper's; the average is .9995 a step of 16."""

    network: SizeParams = Field(default_factory=SizeParams)
    classes: int = Field(default=0, ge=0, description="how many the label has; 0 without a label")
    learning_rate: float = Field(default=1e-3, gt=0, description="of Adam, at the start")
    rate_decay: float = Field(default=0.999995, gt=0, le=1, description="of the rate, a step")
    beta1: float = Field(default=0.95, ge=0, lt=1, description="of Adam: first moment")
    beta2: float = Field(default=0.9995, ge=0, lt=1, description="of Adam: second moment")
    schedule: Schedule = Field(default_factory=lambda: Schedule(kind="constant"))
    ema_half_life_images: int = Field(default=22_000, ge=0, description="0: no average")

    @model_validator(mode="after")
    def _fits(self) -> "PixelCNNRun":
        if self.crop_px % 4:
            raise ValueError("crop_px of a pixelcnn run is a multiple of 4: it has three scales")
        if bool(self.label) != bool(self.classes):
            raise ValueError("label and classes of a pixelcnn run come together")
        if self.ema_half_life_images and not self.ema_rampup:
            raise ValueError(
                "ema_rampup of a pixelcnn run is above 0: its first batch sets weights"
            )
        return self

    def class_count(self) -> int | None:
        return self.classes


class PixelCNNPlus(Variant):
    """One network that is trained by the likelihood of real images alone."""

    initialised: Tensor

    def __init__(self, run: PixelCNNRun) -> None:
        super().__init__()
        self.run = run
        self.pixelcnn = PixelCNN(run.network.shape(run.classes))
        self.register_buffer("initialised", torch.zeros((), dtype=torch.bool))

    def nets(self) -> dict[str, nn.Module]:
        return {"pixelcnn": self.pixelcnn}

    def optimizers(self) -> dict[str, Optimizer]:
        p = self.run
        return {"pixelcnn": adam([self.pixelcnn], p.learning_rate, (p.beta1, p.beta2))}

    def step(
        self, batch: Batch, optimizers: Mapping[str, Optimizer], numbers: Numbers
    ) -> dict[str, Tensor]:
        """Make the batch likelier; the first one sets gains and biases before."""
        images, labels = batch.images["a"], self._labels(batch)
        if not self.initialised:
            self.pixelcnn.initialise(images, labels)
            self.initialised.fill_(True)
        bits = bits_per_dim(self.pixelcnn.log_likelihood(images, labels)).mean()
        decay = self.run.rate_decay ** (numbers.images_seen // len(images))
        optimizers["pixelcnn"].param_groups[0]["lr"] *= decay  # the loop sets it for each step
        descend(optimizers["pixelcnn"], bits)
        return {"bits_per_dim": bits}

    @torch.no_grad()
    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        """Samples, as many as the batch holds; of its classes, or of any where it tells none."""
        return {"fake": self._drawn(nets, batch, numbers, 0)}

    @torch.no_grad()
    def complete(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers, given_rows: int
    ) -> Tensor:
        """Keep the first rows of each image and draw the rest, of its class or of any."""
        return self._drawn(nets, batch, numbers, given_rows)

    @torch.no_grad()
    def measure(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Measured]:
        """Return the exact `bits_per_dim` of each image.

        A net with classes judges images that tell none by all classes, each as likely.
        """
        images, net, labels = batch.images["a"], _net(nets), self._labels(batch)
        bits = []
        for n in range(0, len(images), _AT_ONCE):
            some = images[n : n + _AT_ONCE]
            if labels is not None or not self.run.classes:
                given = None if labels is None else labels[n : n + _AT_ONCE]
                bits.append(bits_per_dim(net.log_likelihood(some, given)))
                continue
            every = [labels_of(some, c) for c in range(self.run.classes)]
            nats = torch.stack([net.log_likelihood(some, c).sum((1, 2)) for c in every])
            both = torch.logsumexp(nats, 0) - math.log(self.run.classes)
            bits.append(-both / some[0].numel() / math.log(2))
        return {"bits_per_dim": Measured(torch.cat(bits), higher_is_better=False)}

    def _drawn(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers, given_rows: int
    ) -> Tensor:
        images, net = batch.images["a"], _net(nets)
        labels = self._labels(batch)
        if self.run.classes and labels is None:
            labels = (numbers.uniform("classes", len(images)) * self.run.classes).long()
        height, width = images.shape[2:]
        made = []
        for n in range(0, len(images), _AT_ONCE):
            given = images[n : n + _AT_ONCE]
            size = (len(given), height, width, net.shape.mixtures + 3)
            uniform = numbers.uniform(f"pixels/{n}", *size)
            some = None if labels is None else labels[n : n + _AT_ONCE]
            made.append(sample(net, uniform, some, given, given_rows))
        return torch.cat(made)

    def _labels(self, batch: Batch) -> Tensor | None:
        """Return the batch's classes, where the run has them and the batch tells them."""
        labels = batch.labels.get("a")
        if not self.run.classes or labels is None:
            return None
        if int(labels.max()) >= self.run.classes:
            raise ParamsError(
                f"the label has class {int(labels.max())}, the run says {self.run.classes} classes",
                where="train.*.classes in params.yaml",
                fix="write how many values the column has",
            )
        return labels


def labels_of(images: Tensor, label: int) -> Tensor:
    """Return one class for all images, (N,)."""
    return torch.full((len(images),), label, device=images.device)


def _net(nets: Mapping[str, nn.Module]) -> PixelCNN:
    net = nets["pixelcnn"]
    assert isinstance(net, PixelCNN)
    return net


VARIANT = VariantSpec(task="generate", run=PixelCNNRun, build=PixelCNNPlus)
