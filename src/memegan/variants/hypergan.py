"""Configurable unconditional GANs: networks as text; losses, hooks and optimizers by name."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from memegan.adversarial import Judged
from memegan.augmenting import Change, adapted, adaptive_augment, diff_augment
from memegan.dataset import Batch
from memegan.errors import DataError
from memegan.gan_params import SEEN, LossParams, NetworkParams, TrainerParams
from memegan.losses import l1
from memegan.networks.fitting import Blueprint
from memegan.networks.network import Network
from memegan.networks.presets import PRESETS
from memegan.optimizing import freeze
from memegan.penalties import Seen, penalties, wants
from memegan.regularisers import consistency
from memegan.rng import Numbers
from memegan.turns import Images, Losses, Sides, take_turns
from memegan.variants.base import Latent, Plan, Variant, VariantSpec

_FEW_IMAGES, _MANY_IMAGES = 10_000, 100_000


class HyperGANRun(Plan):
    """Defaults are DCGAN's; another preset has its own, where the run says nothing."""

    classes: int = Field(default=0, ge=0, description="how many the label has; 0 without a label")
    network: NetworkParams = Field(default_factory=NetworkParams)
    loss: LossParams = Field(default_factory=LossParams)
    trainer: TrainerParams = Field(default_factory=TrainerParams)
    augment: Literal["auto", "none", "diffaugment", "ada"] = Field(
        default="auto",
        description="changes of what the discriminator sees, for small sets; auto: diffaugment "
        "below 10,000 training images, ada below 100,000, else none",
    )
    diffaugment: tuple[Change, ...] = Field(
        default=("color", "translation"),
        min_length=1,
        description="its changes; with `color` the colours themselves are learnt late",
    )
    ada_images: int = Field(default=100_000, ge=1, description="in which ADA goes from 0 to 1")

    @model_validator(mode="before")
    @classmethod
    def _of_the_preset(cls, values: Any) -> Any:  # noqa: ANN401 - unchecked input
        """Fill in what the preset says and the run does not."""
        network = values.get("network", {}) if isinstance(values, dict) else None
        name = network.get("preset", "dcgan") if isinstance(network, dict) else None
        if name not in PRESETS:
            return values  # what is wrong with it is told by the fields
        filled = dict(values)
        for section, said in PRESETS[name].says.items():
            given = values.get(section, {})
            filled[section] = {**said, **given} if isinstance(given, dict) else given
        return filled

    @model_validator(mode="after")
    def _fits(self) -> "HyperGANRun":
        if bool(self.label) != bool(self.classes):
            raise ValueError("label and classes of a hypergan run come together")
        if self.classes and self.loss.relativistic == "all_pairs":
            raise ValueError("all_pairs would compare unlike classes; with a label, use paired")
        self.plans()
        return self

    def class_count(self) -> int | None:
        return self.classes

    def for_images(self, count: int) -> Self:
        """Choose `augment` and `on_collapse` where the run says auto.

        Few images are learnt by heart at once, and ADA takes `ada_images` to notice: they get
        diffaugment from the first step (Zhao et al. 2020, sections 4.2 to 4.4: 100 to 10,000), and
        a training that collapses goes back. Above 100,000 neither augmentation helps (Karras et
        al. 2020, figure 7: FFHQ's 140,000).
        """
        few, many = count < _FEW_IMAGES, count >= _MANY_IMAGES
        chosen = {
            "augment": "diffaugment" if few else "none" if many else "ada",
            "on_collapse": "recover" if few else "warn",
        }
        said = {"augment": self.augment, "on_collapse": self.on_collapse}
        return self.model_copy(
            update={name: value for name, value in chosen.items() if said[name] == "auto"}
        )

    def plans(self) -> dict[str, Blueprint]:
        """Read the texts of all networks and hold their shapes to the run's.

        Raises:
            ValueError: says in which text, where, and what is wrong.
        """
        logits, redrawn = self.loss.adversarial().logits, self.loss.reconstruction > 0
        return self.network.blueprints(self.crop_px, self.classes, logits, redrawn)


class HyperGAN(Variant):
    """A generator from noise and its discriminator."""

    strength: Tensor  # of ADA, in [0, 1]

    def __init__(self, run: HyperGANRun) -> None:
        super().__init__()
        self.run, n, plans = run, run.network, run.plans()
        self.pay = run.loss.adversarial()
        self.generator = Network(plans["generator"], n.init)
        self.discriminator = Network(plans["discriminator"], n.init, n.spectral_norm)
        self.decoder = Network(plans["decoder"], n.init) if "decoder" in plans else None
        if run.augment == "ada":
            self.register_buffer("strength", torch.zeros(()))

    def nets(self) -> dict[str, nn.Module]:
        return {"generator": self.generator}

    def summary(self) -> str:
        """Return the layers of each network, with shapes and parameters."""
        return "\n".join(f"{name}\n{plan.table()}" for name, plan in self.run.plans().items())

    def optimizers(self) -> dict[str, Optimizer]:
        t = self.run.trainer
        judges: list[nn.Module] = [self.discriminator]
        judges += [self.decoder] if self.decoder else []
        return {
            "generator": t.make([self.generator], t.learning_rate),
            "discriminator": t.make(judges, t.discriminator_learning_rate or t.learning_rate),
        }

    def step(
        self, batch: Batch, optimizers: Mapping[str, Optimizer], numbers: Numbers
    ) -> dict[str, Tensor]:
        """Update both sides by the trainer's kind."""
        sides = Sides(
            noise=lambda name, count: self._noise(numbers, name, count),
            generate=self.generator,
            discriminator=partial(self._discriminator, numbers),
            generator=partial(self._generator, numbers),
        )
        images = Images(batch.images["a"], self._labels(batch))
        return take_turns(self.run.trainer, optimizers, sides, images)

    def use(self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers) -> None:
        """Make pictures from noise, of the batch's classes."""
        z = self._noise(numbers, "z/use", len(batch.images["a"]))
        nets["generator"](z, self._labels(batch))

    @torch.no_grad()
    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        """Pictures from noise, as many as the batch holds; of its classes, or of any."""
        count = len(batch.images["a"])
        z = self._noise(numbers, "z/show", count)
        return {"fake": nets["generator"](z, self._labels(batch, numbers))}

    def latent(self, nets: Mapping[str, nn.Module]) -> Latent:
        """Return the noise; where it is even in [-1, 1), a code is its normal score."""
        generator, is_even = nets["generator"], self.run.network.z == "uniform"
        assert isinstance(generator, Network)

        def draw(numbers: Numbers, count: int) -> Tensor:
            z = self._noise(numbers, "z/show", count)
            return torch.special.ndtri(((z + 1) / 2).clamp_min(2**-25)) if is_even else z

        def decode(codes: Tensor, label: Tensor | None) -> Tensor:
            out: Tensor = generator(torch.erf(codes / math.sqrt(2)) if is_even else codes, label)
            return out

        return Latent(draw, decode, generator.first_weights(), classes=self.run.classes)

    def _discriminator(
        self, numbers: Numbers, images: Images, fake: Tensor, look: str, losses: Losses
    ) -> tuple[Tensor, float]:
        """Return what it pays, and the share of pairs that it tells apart; note the parts."""
        p, real, label = self.run.loss, images.real, images.label
        step = numbers.images_seen // self.run.batch_size
        at_real, at_fake = wants(p, step)
        seen_real = real.detach().requires_grad_(at_real)
        seen_fake = fake.detach().requires_grad_(at_fake)
        changed = self._augment(seen_real, numbers, f"real/{look}")
        of_real, redrawn = self._judge(changed, label)
        of_fake = self.discriminator(self._augment(seen_fake, numbers, f"fake/{look}"), label)
        distance = (real - fake).abs().mean((1, 2, 3))
        judged = Judged(of_real, of_fake, distance)
        total = self.pay.discriminator(judged)
        losses["discriminator"] = total
        for name, value, weight in penalties(
            p,
            step,
            numbers.images_seen,
            Seen(seen_real, seen_fake, of_real, of_fake),
            share=lambda: numbers.uniform(f"mix/{look}", len(real), 1, 1, 1),
            judge=lambda images: self.discriminator(images, label),
        ):
            losses[name] = value
            total = total + weight * value
        if p.consistency:
            copy = diff_augment(changed, numbers, f"again/{look}", self.run.diffaugment)
            again = self.discriminator(copy, label)
            losses["consistency"] = consistency(of_real, again)
            total = total + p.consistency * losses["consistency"]
        if redrawn is not None:
            small = functional.interpolate(changed.detach(), redrawn.shape[2:], mode="area")
            losses["reconstruction"] = l1(redrawn, small)
            total = total + p.reconstruction * losses["reconstruction"]
        if self.run.augment == "ada":
            sure = self.pay.surely_real(judged)
            self.strength.copy_(adapted(self.strength, sure, len(real), self.run.ada_images))
        return total, float((of_real > of_fake).float().mean())

    def _generator(self, numbers: Numbers, images: Images, fake: Tensor, losses: Losses) -> None:
        """Note what the generator pays; the discriminator is held still for it."""
        real, label = images.real, images.label
        freeze([self.discriminator], True)
        of_fake = self.discriminator(self._augment(fake, numbers, "generator"), label)
        of_real = of_fake
        if self.pay.generator_sees_real:
            with torch.no_grad():
                of_real = self.discriminator(self._augment(real, numbers, "generator/real"), label)
        losses["gan"] = self.pay.generator(Judged(of_real, of_fake))
        freeze([self.discriminator], False)

    def _judge(self, images: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return logits, and the images as they are redrawn from a layer where a decoder is."""
        if self.decoder is None:
            return self.discriminator(images, label), None
        logits, seen = self.discriminator.named(images, [SEEN], label)
        return logits, self.decoder(seen)

    def _noise(self, numbers: Numbers, name: str, count: int) -> Tensor:
        size = self.run.network.z_size
        if self.run.network.z == "uniform":
            return 2 * numbers.uniform(name, count, size) - 1
        return numbers.normal(name, count, size)

    def _labels(self, batch: Batch, numbers: Numbers | None = None) -> Tensor | None:
        """Return the batch's classes; where it tells none, any, if chance is there."""
        count, labels = self.run.classes, batch.labels.get("a")
        if not count:
            return None
        if labels is None and numbers is not None:
            return (numbers.uniform("classes", len(batch.images["a"])) * count).long()
        if labels is None or int(labels.max()) >= count:
            said = "none" if labels is None else str(int(labels.max()))
            raise DataError(
                f"the label has class {said}, the run says {count} classes",
                where="train.*.classes in params.yaml",
                fix="count what the column `label` of data/manifest.csv holds, and write that",
            )
        return labels

    def _augment(self, images: Tensor, numbers: Numbers, name: str) -> Tensor:
        match self.run.augment:
            case "none" | "auto":  # auto was not resolved: nobody told how many images there are
                return images
            case "diffaugment":
                return diff_augment(images, numbers, name, self.run.diffaugment)
            case "ada":
                return adaptive_augment(images, numbers, name, self.strength)


VARIANT = VariantSpec(task="generate", run=HyperGANRun, build=HyperGAN)
