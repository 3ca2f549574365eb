"""CUT and FastCUT: one-way translation that keeps each patch like its source (Park et al. 2020)."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Optimizer

from memegan.dataset import Batch
from memegan.losses import lsgan_fake, lsgan_real, patch_nce
from memegan.networks.blocks import Norm, Padding, Upsample, statistics_kept
from memegan.networks.patches import PatchHeads, TappedResNet
from memegan.networks.translation import Judge, ResNetShape, translation_discriminator
from memegan.optimizing import adam, descend, freeze
from memegan.params import Section
from memegan.rng import Numbers
from memegan.variants.base import Plan, TwoDomains, Variant, VariantSpec


class NetworkParams(Section):
    """The ResNet generator of CycleGAN; its first half is the encoder of the patches."""

    width: int = Field(default=64, ge=4, description="channels at full resolution")
    blocks: int = Field(default=9, ge=2, description="residual blocks; 6 for 128 px")
    norm: Norm = Field(default="instance", description="batch: statistics of each domain apart")
    upsample: Upsample = Field(
        default="transposed", description="the others begin without a checkerboard"
    )
    stem_kernel: Literal[3, 5, 7, 9] = Field(
        default=7, description="side of the first and last kernel; 3 suits 64 px"
    )
    padding: Padding = Field(default="reflect", description="what lies beyond the border")


class CUTRun(Plan):
    """Defaults are the paper's (section 4, appendix C); `recipe` is which of its two models."""

    data: TwoDomains
    network: NetworkParams = Field(default_factory=NetworkParams)
    recipe: Literal["cut", "fastcut"] = Field(
        default="cut",
        description="cut: patches of b must stay as well; fastcut: mirrored inputs instead, and "
        "lambda_nce 10",
    )
    crop_px: int = Field(ge=24, le=1024, description="24 px are one logit of the discriminator")
    discriminator: Judge = Field(
        default="patch70",
        description="side in px of what one logit sees; pixel: colours alone; scales: 34 of the "
        "picture and of its half",
    )
    discriminator_width: int = Field(default=64, ge=4, description="channels of its first layer")
    learning_rate: float = Field(default=2e-4, gt=0, description="of all three Adams")
    lambda_nce: float | None = Field(default=None, ge=0, description="1 for cut, 10 for fastcut")
    patches: int = Field(
        default=256, ge=2, description="places a picture and scale; 24 suit 64 px, 64 suit 128 px"
    )
    head_size: int = Field(default=256, ge=4, description="numbers that describe a patch")
    temperature: float = Field(default=0.07, gt=0, description="tau of the similarities")

    @property
    def nce_weight(self) -> float:
        """What PatchNCE weighs beside the discriminator's word."""
        usual = 1.0 if self.recipe == "cut" else 10.0
        return usual if self.lambda_nce is None else self.lambda_nce


class CUT(Variant):
    """A generator a to b, heads that describe its encoder's patches, a discriminator of b."""

    def __init__(self, run: CUTRun) -> None:
        super().__init__()
        self.run, n = run, run.network
        self.generator_ab = TappedResNet(
            ResNetShape(n.blocks, n.width, n.norm, n.upsample, n.stem_kernel, n.padding)
        )
        self.heads = PatchHeads(self.generator_ab.channels, run.head_size)
        self.discriminator_b = translation_discriminator(run.discriminator, run.discriminator_width)

    def nets(self) -> dict[str, nn.Module]:
        return {"generator_ab": self.generator_ab}

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam with beta1 = 0.5 for both sides; the heads move with the generator."""
        rate, betas = self.run.learning_rate, (0.5, 0.999)
        return {
            "generator": adam([self.generator_ab, self.heads], rate, betas),
            "discriminator": adam([self.discriminator_b], rate, betas),
        }

    def step(
        self, batch: Batch, optimizers: Mapping[str, Optimizer], numbers: Numbers
    ) -> dict[str, Tensor]:
        """Update the discriminator, then generator and heads (eq. 5).

        What the encoder sees of the sources comes from the very pass that translates them; only
        a mirrored batch of FastCUT needs its sources encoded by themselves.
        """
        p, a, b = self.run, batch.images["a"], batch.images["b"]
        n = len(a)
        keeps_b = p.recipe == "cut"
        mirrored = not keeps_b and bool(numbers.uniform("mirror", 1) < 0.5)
        sources = torch.cat([a, b]) if keeps_b else a
        made, seen = self._translated(sources.flip(3) if mirrored else sources, n)
        fake = made[:n]
        judge = 0.5 * (
            lsgan_fake(self.discriminator_b(fake.detach())) + lsgan_real(self.discriminator_b(b))
        )
        descend(optimizers["discriminator"], judge)

        freeze([self.discriminator_b], True)
        gan = lsgan_real(self.discriminator_b(fake))
        places = self._places(seen, numbers)
        with torch.no_grad():
            if mirrored:
                seen = self._encoded(a, n)
            keys = self.heads(seen, places)
        found = self._encoded(made, n)
        queries = self.heads([x.flip(3) for x in found] if mirrored else found, places)
        nce = self._nce([q[:n] for q in queries], [k[:n] for k in keys])
        losses = {"gan": gan, "nce": nce, "discriminator": judge}
        if keeps_b:
            losses["nce_identity"] = self._nce([q[n:] for q in queries], [k[n:] for k in keys])
            nce = 0.5 * (nce + losses["nce_identity"])
        descend(optimizers["generator"], gan + p.nce_weight * nce)
        freeze([self.discriminator_b], False)
        return losses

    def use(self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers) -> None:
        """Translate real pictures."""
        nets["generator_ab"](batch.images["a"])

    @torch.no_grad()
    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        """From a to b, and what a picture of b becomes."""
        a, b = batch.images["a"], batch.images["b"]
        net = nets["generator_ab"]
        return {"a": a, "fake_b": net(a), "b": b, "identity_b": net(b)}

    def _translated(self, sources: Tensor, count: int) -> tuple[Tensor, list[Tensor]]:
        """Translate pictures of a, `count` of them, and of b behind them; tell what was seen."""
        first, *rest = self._apart(sources, count)
        parts = [self.generator_ab.translate(first)]
        with statistics_kept(self.generator_ab):
            parts += [self.generator_ab.translate(part) for part in rest]
        made, seen = zip(*parts, strict=True)
        return torch.cat(made), [torch.cat(scale) for scale in zip(*seen, strict=True)]

    def _encoded(self, images: Tensor, count: int) -> list[Tensor]:
        """Give the features of what pictures of a became, `count` of them, and those of b."""
        with statistics_kept(self.generator_ab):
            parts = [self.generator_ab.encode(part) for part in self._apart(images, count)]
        return [torch.cat(scale) for scale in zip(*parts, strict=True)]

    def _apart(self, images: Tensor, count: int) -> list[Tensor]:
        """Return what may go through the generator at once: not two domains with batch norm."""
        if self.run.network.norm == "batch" and len(images) > count:
            return [images[:count], images[count:]]
        return [images]

    def _places(self, features: Sequence[Tensor], numbers: Numbers) -> list[Tensor]:
        """Draw places of each scale, the same in all pictures, none of them twice."""
        found = []
        for scale, x in enumerate(features):
            order = numbers.uniform(f"places/{scale}", x.shape[2] * x.shape[3]).argsort(stable=True)
            found.append(order[: self.run.patches])
        return found

    def _nce(self, queries: Sequence[Tensor], keys: Sequence[Tensor]) -> Tensor:
        """Average over the scales."""
        t = self.run.temperature
        each = [patch_nce(q, k, t) for q, k in zip(queries, keys, strict=True)]
        return torch.stack(each).mean()


VARIANT = VariantSpec(task="translate", run=CUTRun, build=CUT)
