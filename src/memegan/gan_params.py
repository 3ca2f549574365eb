"""What the run of a configurable GAN may say: its networks, its losses, its trainer."""

import math
from typing import Literal

from pydantic import Field, model_validator
from torch import nn
from torch.optim import Optimizer

from memegan import adversarial
from memegan.networks.dsl import DslError
from memegan.networks.fitting import Blueprint, Frame, blueprint
from memegan.networks.network import Init
from memegan.networks.presets import PRESETS, variables
from memegan.optimizing import optimizer
from memegan.params import Section

SEEN = "seen"  # the layer of a discriminator that a decoder reads
AT_ONCE = ("simultaneous", "extragradient")  # kinds of trainer that move both sides together


class NetworkParams(Section):
    """Which networks, at any size; each layer of the language is in docs/layers.md."""

    preset: Literal["dcgan", "adain", "sngan", "wgan-gp", "r3gan", "fastgan"] = Field(
        default="dcgan", description="recipe of both networks; it fills what the run leaves unsaid"
    )
    z_size: int = Field(default=100, ge=1, description="numbers of the noise")
    z: Literal["normal", "uniform"] = Field(
        default="normal", description="the noise: N(0, 1), or even in [-1, 1)"
    )
    generator_width: int = Field(default=64, ge=4, description="`$width` of its text")
    discriminator_width: int = Field(default=64, ge=4, description="`$width` of its text")
    blocks: int = Field(default=1, ge=1, le=16, description="`$blocks`: residual blocks a size")
    generator: str = Field(default="", description="its text; empty: the preset's")
    discriminator: str = Field(default="", description="its text; empty: the preset's")
    decoder: str = Field(default="", description="text of what redraws images from layer `seen`")
    init: Init = Field(default="normal", description="initial weights; torch: its own")
    spectral_norm: bool = Field(default=False, description="on every weight of the discriminator")

    def blueprints(
        self, size_px: int, classes: int, logits: int, is_redrawn: bool
    ) -> dict[str, Blueprint]:
        """Read the texts of all networks and hold their shapes to what they are for.

        Args:
            size_px: side of the images.
            logits: of the discriminator, for each image.
            is_redrawn: a decoder is needed.

        Raises:
            ValueError: says in which text, where, and what is wrong.
        """
        preset, images = PRESETS[self.preset], (3, size_px, size_px)
        wide, narrow = (
            variables(size_px, width, self.z_size, self.blocks)
            for width in (self.generator_width, self.discriminator_width)
        )
        generator, discriminator = (
            self.generator or preset.generator,
            self.discriminator or preset.discriminator,
        )
        noise = (self.z_size,)
        found = {
            "generator": _read("generator", generator, Frame(noise, wide, classes, logits), images),
            "discriminator": _read(
                "discriminator", discriminator, Frame(images, narrow, classes, logits), (logits,)
            ),
        }
        if is_redrawn:
            text = self.decoder or preset.decoder
            seen = _seen(found["discriminator"]) if text else None
            if seen is None:
                raise ValueError("loss.reconstruction needs network.decoder, a text")
            side = seen[-1] if len(seen) == 3 else 1
            while 2 * side <= size_px:
                side *= 2
            found["decoder"] = _read("decoder", text, Frame(seen, {**narrow, "size": side}), None)
        return found


class LossParams(Section):
    """What is paid for, and what steadies it."""

    name: adversarial.Name = Field(
        default="standard", description="standard: non-saturating cross-entropy"
    )
    relativistic: adversarial.Relativistic = Field(
        default="none",
        description="judge images against the other side; paired: R3GAN's, each against one; "
        "all_pairs: each against all, the same in the mean; not with classes",
    )
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="of `standard`, one side")
    alpha: float = Field(default=2.0, description="of `alpha`, neither 0 nor 1")
    js_weight: float = Field(default=0.5, gt=0, lt=1, description="of `js_weighted`: pi")
    qp_strength: float = Field(default=10.0, gt=0, description="of `qp`: lambda")
    outcomes: int = Field(default=10, ge=2, description="of `realness`")
    r1_gamma: float = Field(default=0.0, ge=0, description="weight of the R1 penalty; 0: none")
    r2_gamma: float = Field(default=0.0, ge=0, description="the same on fakes (R2)")
    r1_every: int = Field(default=16, ge=1, description="steps between R1 and R2 penalties (lazy)")
    burn_in_images: int = Field(
        default=0,
        ge=0,
        description="in which R1 and R2 fall to their weights, by a cosine; 0: none",
    )
    burn_in_factor: float = Field(
        default=10.0, ge=1, description="how many times their weights they start with; 10: R3GAN's"
    )
    gradient_penalty: float = Field(default=0.0, ge=0, description="weight, on points between")
    gradient_penalty_every: int = Field(default=1, ge=1, description="steps between them (lazy)")
    roth_gamma: float = Field(default=0.0, ge=0, description="weight of Roth et al. 2017")
    consistency: float = Field(default=0.0, ge=0, description="weight; of changed real images")
    reconstruction: float = Field(default=0.0, ge=0, description="weight; needs a decoder")

    @model_validator(mode="after")
    def _known(self) -> "LossParams":
        if self.relativistic != "none" and self.name not in adversarial.BASES:
            known = ", ".join(adversarial.BASES)
            raise ValueError(f"relativistic goes with {known}; not with {self.name}")
        if self.relativistic != "none" and self.label_smoothing:
            raise ValueError("label_smoothing goes with relativistic: none")
        if self.alpha in (0, 1):
            raise ValueError("alpha is neither 0 nor 1: those are reverse_kl and kl")
        return self

    def burn_in(self, images_seen: int) -> float:
        """Return by what R1 and R2 are multiplied (Huang et al. 2024, appendix: the burn-in).

        Of little steepness at first, a discriminator pulls towards all of the real images; without
        that, a small generator settles on some of their kinds.
        """
        if images_seen >= self.burn_in_images:
            return 1.0
        left = (1 + math.cos(math.pi * images_seen / self.burn_in_images)) / 2
        return 1 + (self.burn_in_factor - 1) * left

    def adversarial(self) -> adversarial.Adversarial:
        """Return what both sides pay."""
        more = (self.label_smoothing, self.alpha, self.js_weight, self.qp_strength, self.outcomes)
        return adversarial.by_name(self.name, self.relativistic, adversarial.Numbers(*more))


class TrainerParams(Section):
    """How the two sides take turns, and how they move."""

    kind: Literal["alternating", "simultaneous", "balanced", "extragradient", "accumulated"] = (
        Field(
            default="alternating",
            description="balanced: the discriminator rests while it tells most pairs apart; "
            "extragradient: both look a step ahead; accumulated: alternating, the batch in "
            "`parts`, and what compares images of a batch does so within a part",
        )
    )
    parts: int = Field(
        default=4, ge=1, le=64, description="of a batch, one after another: less memory"
    )
    balance: float = Field(default=0.9, gt=0, le=1, description="share of pairs it may tell apart")
    discriminator_steps: int = Field(
        default=1,
        ge=1,
        le=10,
        description="for each of the generator; 1 where both move at once: simultaneous and "
        "extragradient",
    )
    optimizer: Literal[
        "Adam",
        "AdamW",
        "Adamax",
        "NAdam",
        "RAdam",
        "RMSprop",
        "Adagrad",
        "Adadelta",
        "Adafactor",
        "ASGD",
        "Rprop",
        "SGD",
    ] = Field(
        default="Adam",
        description="of torch.optim, for both sides; all of them but LBFGS (asks for the loss many "
        "times a step), SparseAdam (of sparse slopes) and Muon (of matrices alone)",
    )
    options: dict[str, float] = Field(
        default_factory=dict, description="more of the optimizer; `momentum` of SGD may be negative"
    )
    learning_rate: float = Field(default=2e-4, gt=0, description="of both sides")
    discriminator_learning_rate: float | None = Field(
        default=None, gt=0, description="null: `learning_rate`"
    )
    beta1: float = Field(
        default=0.5, gt=-1, lt=1, description="first moment, of Adam and its kin; may be negative"
    )
    beta2: float = Field(default=0.999, ge=0, lt=1, description="second moment")

    @model_validator(mode="after")
    def _takes_turns(self) -> "TrainerParams":
        if self.kind in AT_ONCE and self.discriminator_steps > 1:
            raise ValueError(
                f"kind: {self.kind} moves both sides at once, discriminator_steps: "
                f"{self.discriminator_steps} (the run's, or its preset's: wgan-gp says 5) needs "
                "turns; write discriminator_steps: 1, or kind: alternating"
            )
        return self

    @model_validator(mode="after")
    def _makes(self) -> "TrainerParams":
        if not self.options:
            return self  # torch takes seconds to make its first optimizer
        try:
            self.make([nn.Linear(2, 2, device="meta")], self.learning_rate)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.optimizer} refuses its options: {error}") from None
        return self

    def make(self, nets: list[nn.Module], learning_rate: float) -> Optimizer:
        """Make one optimizer over several networks."""
        betas = (self.beta1, self.beta2)
        return optimizer(self.optimizer, nets, learning_rate, betas, self.options)


def _read(name: str, text: str, frame: Frame, gives: tuple[int, ...] | None) -> Blueprint:
    try:
        found = blueprint(text, frame)
    except DslError as error:
        raise ValueError(f"network.{name}: {error}") from None
    if gives is not None and found.shape != gives:
        last = found.nodes[-1]
        try:
            last.place.fail(f"the last layer gives {found.shape}; it is to give {gives}")
        except DslError as error:
            raise ValueError(f"network.{name}: {error}") from None
    return found


def _seen(plan: Blueprint) -> tuple[int, ...]:
    try:
        return plan.shape_of(SEEN)
    except DslError as error:
        raise ValueError(f"network.discriminator, for loss.reconstruction: {error}") from None
