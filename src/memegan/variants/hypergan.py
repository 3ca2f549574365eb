"""Configurable unconditional GANs: networks, loss, penalty and augmentation by name."""

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from memegan.dataset import Batch
from memegan.losses import ADVERSARIAL, r1_penalty
from memegan.networks.dcgan import Generator, discriminator
from memegan.params import Section
from memegan.rng import Numbers
from memegan.variants.base import Plan, Variant, VariantSpec, adam, descend, freeze


class NetworkParams(Section):
    """Which networks; `dcgan` is Radford et al. 2016 at any power-of-two size."""

    preset: Literal["dcgan"] = Field(default="dcgan", description="recipe of both networks")
    z_size: int = Field(default=100, ge=1, description="numbers of the noise, N(0, 1)")
    generator_width: int = Field(default=64, ge=4, description="channels of its last hidden layer")
    discriminator_width: int = Field(
        default=64, ge=4, description="channels of its first hidden layer"
    )


class LossParams(Section):
    """What is paid for, and what steadies it."""

    name: Literal["standard", "least_squares", "hinge", "wasserstein"] = Field(
        default="standard", description="standard: non-saturating cross-entropy"
    )
    r1_gamma: float = Field(default=0.0, ge=0, description="weight of the R1 penalty; 0: none")
    r1_every: int = Field(default=16, ge=1, description="steps between penalties (lazy)")


class TrainerParams(Section):
    """How the two sides take turns."""

    discriminator_steps: int = Field(
        default=1, ge=1, le=10, description="for each of the generator"
    )
    learning_rate: float = Field(default=2e-4, gt=0, description="of both Adams")
    beta1: float = Field(default=0.5, ge=0, lt=1, description="Adam's first moment")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="Adam's second moment")


class HyperGANRun(Plan):
    """Defaults are DCGAN's."""

    network: NetworkParams = Field(default_factory=NetworkParams)
    loss: LossParams = Field(default_factory=LossParams)
    trainer: TrainerParams = Field(default_factory=TrainerParams)
    augment: Literal["none", "diffaugment"] = Field(
        default="none", description="DiffAugment: colour and translation, for small sets"
    )

    @model_validator(mode="after")
    def _size(self) -> "HyperGANRun":
        if self.crop_px & (self.crop_px - 1):
            raise ValueError("crop_px of a hypergan run is a power of two: 16, 32, 64, 128, 256")
        return self


class HyperGAN(Variant):
    """A generator from noise and its discriminator."""

    def __init__(self, run: HyperGANRun) -> None:
        super().__init__()
        self.run, n = run, run.network
        self.generator = Generator(n.z_size, run.crop_px, n.generator_width)
        self.discriminator = discriminator(run.crop_px, n.discriminator_width)

    def nets(self) -> dict[str, nn.Module]:
        return {"generator": self.generator}

    def optimizers(self) -> dict[str, Optimizer]:
        t = self.run.trainer
        return {
            name: adam([net], t.learning_rate, (t.beta1, t.beta2))
            for name, net in (("generator", self.generator), ("discriminator", self.discriminator))
        }

    def step(
        self, batch: Batch, optimizers: Mapping[str, Optimizer], numbers: Numbers
    ) -> dict[str, Tensor]:
        """Update the discriminator `discriminator_steps` times, then the generator."""
        p, real = self.run, batch.images["a"]
        loss = ADVERSARIAL[p.loss.name]
        losses: dict[str, Tensor] = {}
        for k in range(p.trainer.discriminator_steps):
            with torch.no_grad():
                fake = self.generator(numbers.normal(f"z/{k}", len(real), p.network.z_size))
            judge_real = self.discriminator(self._augment(real, numbers, f"real/{k}"))
            judge_fake = self.discriminator(self._augment(fake, numbers, f"fake/{k}"))
            total = loss.real(judge_real) + loss.fake(judge_fake)
            losses["discriminator"] = total
            if p.loss.r1_gamma and numbers.images_seen // len(real) % p.loss.r1_every == 0:
                seen = real.detach().requires_grad_()
                losses["r1"] = r1_penalty(seen, self.discriminator(seen))
                total = total + p.loss.r1_gamma * p.loss.r1_every * losses["r1"]
            descend(optimizers["discriminator"], total)
        freeze([self.discriminator], True)
        fake = self.generator(numbers.normal("z/g", len(real), p.network.z_size))
        judged = self.discriminator(self._augment(fake, numbers, "generator"))
        losses["gan"] = loss.generator(judged)
        descend(optimizers["generator"], losses["gan"])
        freeze([self.discriminator], False)
        return losses

    @torch.no_grad()
    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        """Pictures from noise, as many as the batch holds."""
        z = numbers.normal("z/show", len(batch.images["a"]), self.run.network.z_size)
        return {"fake": nets["generator"](z)}

    def _augment(self, images: Tensor, numbers: Numbers, name: str) -> Tensor:
        if self.run.augment == "none":
            return images
        return diff_augment(images, numbers, name)


def diff_augment(images: Tensor, numbers: Numbers, name: str) -> Tensor:
    """Change brightness, saturation and contrast and shift by up to 1/8, differentiably.

    Zhao et al. 2020, section 3 and its policy "color,translation"; the same kind of change for
    real and fake images, drawn for each image.

    Args:
        images: (N, 3, H, W) in [-1, 1]; what comes out may lie a little outside.
    """
    count, _, height, width = images.shape
    light, strong, flat = numbers.uniform(f"{name}/colour", 3, count, 1, 1, 1)
    x = images + (light - 0.5)
    gray = x.mean(1, keepdim=True)
    x = (x - gray) * (2 * strong) + gray
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * (flat + 0.5) + mean
    reach = max(1, height // 8)
    moves = (numbers.uniform(f"{name}/move", 2, count) * (2 * reach + 1)).long().tolist()
    padded = functional.pad(x, (reach, reach, reach, reach))
    return torch.stack(
        [
            padded[n, :, y : y + height, z : z + width]
            for n, (y, z) in enumerate(zip(*moves, strict=True))
        ]
    )


VARIANT = VariantSpec(task="generate", run=HyperGANRun, build=HyperGAN)
