"""Configurable unconditional GANs: networks as text; losses, hooks and optimizers by name."""

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn, optim
from torch.nn import functional
from torch.optim import Optimizer

from memegan import adversarial
from memegan.adversarial import Judged
from memegan.dataset import Batch
from memegan.errors import DataError
from memegan.losses import gradient_penalty, l1, mixed, r1_penalty
from memegan.networks.dsl import DslError
from memegan.networks.fitting import Blueprint, Frame, blueprint
from memegan.networks.network import Init, Network
from memegan.networks.presets import PRESETS, variables
from memegan.params import Section
from memegan.regularisers import adapted, adaptive_augment, consistency, diff_augment, roth
from memegan.rng import Numbers
from memegan.variants.base import (
    Latent,
    Plan,
    Variant,
    VariantSpec,
    adam,
    descend,
    descend_parts,
    descend_together,
    extragradient,
    freeze,
)

log = logging.getLogger(__name__)
_FEW_IMAGES, _MANY_IMAGES = 10_000, 100_000
SEEN = "seen"  # the layer of a discriminator that a decoder reads


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


class LossParams(Section):
    """What is paid for, and what steadies it."""

    name: adversarial.Name = Field(
        default="standard", description="standard: non-saturating cross-entropy"
    )
    relativistic: Literal["none", "paired", "average"] = Field(
        default="none", description="judge images against the other side; paired: R3GAN's"
    )
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="of `standard`, one side")
    alpha: float = Field(default=2.0, description="of `alpha`, neither 0 nor 1")
    js_weight: float = Field(default=0.5, gt=0, lt=1, description="of `js_weighted`: pi")
    qp_strength: float = Field(default=10.0, gt=0, description="of `qp`: lambda")
    outcomes: int = Field(default=10, ge=2, description="of `realness`")
    r1_gamma: float = Field(default=0.0, ge=0, description="weight of the R1 penalty; 0: none")
    r2_gamma: float = Field(default=0.0, ge=0, description="the same on fakes (R2)")
    r1_every: int = Field(default=16, ge=1, description="steps between R1 and R2 penalties (lazy)")
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
        if self.alpha in (0, 1):
            raise ValueError("alpha is neither 0 nor 1: those are reverse_kl and kl")
        return self

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
            "extragradient: both look a step ahead; accumulated: alternating, the batch in `parts`",
        )
    )
    parts: int = Field(
        default=4, ge=1, le=64, description="of a batch, one after another: less memory"
    )
    balance: float = Field(default=0.9, gt=0, le=1, description="share of pairs it may tell apart")
    discriminator_steps: int = Field(
        default=1, ge=1, le=10, description="for each of the generator"
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
    ] = Field(default="Adam", description="of torch.optim, for both sides")
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
    def _makes(self) -> "TrainerParams":
        try:
            self.make([nn.Linear(2, 2, device="meta")], self.learning_rate)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.optimizer} refuses its options: {error}") from None
        return self

    def make(self, nets: list[nn.Module], learning_rate: float) -> Optimizer:
        """Make one optimizer over several networks.

        Negative momentum (Gidel et al. 2019, section 4) damps the circles of two players. Torch
        refuses to make such an optimizer and computes it all the same; so it is set afterwards.
        """
        betas = (self.beta1, self.beta2)
        if self.optimizer == "Adam" and not self.options and self.beta1 >= 0:
            return adam(nets, learning_rate, betas)
        kind: Any = vars(optim)[self.optimizer]  # each has arguments of its own
        weights = [p for net in nets for p in net.parameters() if p.requires_grad]
        more: dict[str, Any] = {"betas": betas} if self.optimizer in _WITH_BETAS else {}
        more |= self.options
        negative: dict[str, Any] = {}
        if self.optimizer in _WITH_BETAS and self.beta1 < 0:
            negative, more["betas"] = {"betas": betas}, (0.0, self.beta2)
        if self.optimizer == "SGD" and -1 < self.options.get("momentum", 0) < 0:
            negative, more["momentum"] = {"momentum": self.options["momentum"]}, 0.0
        made: Optimizer = kind(weights, lr=learning_rate, **more)
        for group in made.param_groups:
            group.update(negative)
        return made


_WITH_BETAS = ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")


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
        self.plans()
        return self

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
        n, size, logits = self.network, self.crop_px, self.loss.adversarial().logits
        preset, images = PRESETS[n.preset], (3, self.crop_px, self.crop_px)
        wide, narrow = (
            variables(size, width, n.z_size, n.blocks)
            for width in (n.generator_width, n.discriminator_width)
        )
        read = {
            "generator": (n.generator or preset.generator, (n.z_size,), wide, images),
            "discriminator": (n.discriminator or preset.discriminator, images, narrow, (logits,)),
        }
        found = {
            name: _read(name, text, Frame(shape, names, self.classes, logits), gives)
            for name, (text, shape, names, gives) in read.items()
        }
        if self.loss.reconstruction:
            text = n.decoder or preset.decoder
            seen = _seen(found["discriminator"]) if text else None
            if seen is None:
                raise ValueError("loss.reconstruction needs network.decoder, a text")
            side = seen[-1] if len(seen) == 3 else 1
            while 2 * side <= size:
                side *= 2
            found["decoder"] = _read("decoder", text, Frame(seen, {**narrow, "size": side}), None)
        return found


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
        for name, plan in plans.items():
            log.info("%s\n%s", name, plan.table())

    def nets(self) -> dict[str, nn.Module]:
        return {"generator": self.generator}

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
        """Update the discriminator `discriminator_steps` times, then the generator; or by turns."""
        t, real, label = self.run.trainer, batch.images["a"], self._labels(batch)
        losses: dict[str, Tensor] = {}
        if t.kind == "simultaneous":
            descend_together(optimizers, self._both(real, label, numbers, "0", losses))
            return losses
        if t.kind == "extragradient":
            extragradient(optimizers, lambda k: self._both(real, label, numbers, k, losses))
            return losses
        if t.kind == "accumulated":
            return self._in_parts(real, label, optimizers, numbers)
        for k in range(t.discriminator_steps):
            with torch.no_grad():
                fake = self._fake(numbers, f"z/{k}", len(real), label)
            total, told = self._discriminator(real, fake, label, numbers, str(k), losses)
            if t.kind != "balanced" or told <= t.balance:
                descend(optimizers["discriminator"], total)
        fake = self._fake(numbers, "z/g", len(real), label)
        self._generator(real, fake, label, numbers, losses)
        descend(optimizers["generator"], losses["gan"])
        return losses

    def _both(
        self,
        real: Tensor,
        label: Tensor | None,
        numbers: Numbers,
        k: str,
        losses: dict[str, Tensor],
    ) -> dict[str, Tensor]:
        """Return what both sides pay for the same fakes, by optimizer; note the parts."""
        fake = self._fake(numbers, "z/g", len(real), label)
        total = self._discriminator(real, fake.detach(), label, numbers, k, losses)[0]
        self._generator(real, fake, label, numbers, losses)
        return {"generator": losses["gan"], "discriminator": total}

    def _in_parts(
        self,
        real: Tensor,
        label: Tensor | None,
        optimizers: Mapping[str, Optimizer],
        numbers: Numbers,
    ) -> dict[str, Tensor]:
        """Alternate with the batch in parts: each one's slopes are added, then a step is taken."""
        count = len(real)
        losses: dict[str, Tensor] = {}

        def parts(name: str) -> Iterator[tuple[int, Tensor, Tensor, Tensor | None]]:
            z = self._noise(numbers, name, count)
            for n, at in enumerate(torch.arange(count).chunk(self.run.trainer.parts)):
                part = slice(int(at[0]), int(at[-1]) + 1)
                yield n, real[part], z[part], None if label is None else label[part]

        def noted(some: Mapping[str, Tensor], share: float) -> None:
            for name, loss in some.items():
                losses[name] = losses.get(name, 0) + share * loss.detach()

        def judged(k: int) -> Iterator[Tensor]:
            for n, some, z, its in parts(f"z/{k}"):
                with torch.no_grad():
                    fake = self.generator(z, its)
                found: dict[str, Tensor] = {}
                total = self._discriminator(some, fake, its, numbers, f"{k}/{n}", found)[0]
                noted(found, len(some) / count)
                yield total * (len(some) / count)

        def made() -> Iterator[Tensor]:
            for _, some, z, its in parts("z/g"):
                found: dict[str, Tensor] = {}
                self._generator(some, self.generator(z, its), its, numbers, found)
                noted(found, len(some) / count)
                yield found["gan"] * (len(some) / count)

        for k in range(self.run.trainer.discriminator_steps):
            losses.clear()
            descend_parts(optimizers["discriminator"], judged(k))
        descend_parts(optimizers["generator"], made())
        return losses

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
        self,
        real: Tensor,
        fake: Tensor,
        label: Tensor | None,
        numbers: Numbers,
        k: str,
        losses: dict[str, Tensor],
    ) -> tuple[Tensor, float]:
        """Return what it pays, and the share of pairs that it tells apart; note the parts."""
        p = self.run.loss
        step = numbers.images_seen // self.run.batch_size
        is_due = step % p.r1_every == 0
        seen_real = real.detach().requires_grad_(bool((p.r1_gamma and is_due) or p.roth_gamma))
        seen_fake = fake.detach().requires_grad_(bool((p.r2_gamma and is_due) or p.roth_gamma))
        changed = self._augment(seen_real, numbers, f"real/{k}")
        of_real, redrawn = self._judge(changed, label)
        of_fake = self.discriminator(self._augment(seen_fake, numbers, f"fake/{k}"), label)
        distance = (real - fake).abs().mean((1, 2, 3))
        total = self.pay.discriminator(Judged(of_real, of_fake, distance))
        losses["discriminator"] = total
        if p.r1_gamma and is_due:
            losses["r1"] = r1_penalty(seen_real, of_real)
            total = total + p.r1_gamma * p.r1_every * losses["r1"]
        if p.r2_gamma and is_due:
            losses["r2"] = r1_penalty(seen_fake, of_fake)
            total = total + p.r2_gamma * p.r1_every * losses["r2"]
        if p.gradient_penalty and step % p.gradient_penalty_every == 0:
            share = numbers.uniform(f"mix/{k}", len(real), 1, 1, 1)
            between = mixed(real, fake, share.to(real))
            judged = self.discriminator(between, label)
            losses["gradient_penalty"] = gradient_penalty(between, judged)
            weight = p.gradient_penalty * p.gradient_penalty_every
            total = total + weight * losses["gradient_penalty"]
        if p.roth_gamma:
            losses["roth"] = roth(seen_real, seen_fake, of_real, of_fake)
            total = total + p.roth_gamma / 2 * losses["roth"]
        if p.consistency:
            again = self.discriminator(diff_augment(changed, numbers, f"again/{k}"), label)
            losses["consistency"] = consistency(of_real, again)
            total = total + p.consistency * losses["consistency"]
        if redrawn is not None:
            small = functional.interpolate(changed.detach(), redrawn.shape[2:], mode="area")
            losses["reconstruction"] = l1(redrawn, small)
            total = total + p.reconstruction * losses["reconstruction"]
        if self.run.augment == "ada":
            now = adapted(self.strength, of_real, len(real), self.run.ada_images)
            self.strength.copy_(now)
        return total, float((of_real > of_fake).float().mean())

    def _generator(
        self,
        real: Tensor,
        fake: Tensor,
        label: Tensor | None,
        numbers: Numbers,
        losses: dict[str, Tensor],
    ) -> None:
        """Note what the generator pays; the discriminator is held still for it."""
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

    def _fake(self, numbers: Numbers, name: str, count: int, label: Tensor | None) -> Tensor:
        out: Tensor = self.generator(self._noise(numbers, name, count), label)
        return out

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
                return diff_augment(images, numbers, name)
            case "ada":
                return adaptive_augment(images, numbers, name, self.strength)


def _read(name: str, text: str, frame: Frame, gives: tuple[int, ...] | None) -> Blueprint:
    try:
        found = blueprint(text, frame)
    except DslError as error:
        raise ValueError(f"network.{name}: {error}") from None
    if gives is not None and found.shape != gives:
        last = found.nodes[-1]
        raise ValueError(
            f"network.{name}: line {last.place.line}: the last layer, {last.kind}, gives "
            f"{found.shape}; it is to give {gives}"
        )
    return found


def _seen(plan: Blueprint) -> tuple[int, ...]:
    try:
        return plan.shape_of(SEEN)
    except DslError as error:
        raise ValueError(f"network.discriminator, for loss.reconstruction: {error}") from None


VARIANT = VariantSpec(task="generate", run=HyperGANRun, build=HyperGAN)
