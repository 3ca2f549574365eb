"""How the two sides of a GAN take turns, by the trainer's kind."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from memegan.gan_params import TrainerParams
from memegan.optimizing import descend, descend_parts, descend_together, extragradient

Losses = dict[str, Tensor]


@dataclass(frozen=True)
class Images:
    """Real images of a batch, (N, C, H, W), and their classes, (N,) int64, if any."""

    real: Tensor
    label: Tensor | None

    def parts(self, count: int) -> Iterator[tuple[slice, "Images"]]:
        """Cut them into so many parts, about even; each with its place in the batch."""
        for at in torch.arange(len(self.real)).chunk(count):
            place = slice(int(at[0]), int(at[-1]) + 1)
            yield place, Images(self.real[place], None if self.label is None else self.label[place])


@dataclass(frozen=True)
class Sides:
    """What makes fakes, and what each side pays for them; both note their losses by name.

    Attributes:
        noise: by the name of the draw and how many: (N, Z).
        generate: fakes from noise and classes, (N, C, H, W).
        discriminator: with the name of the look; returns all that it pays, and the share of pairs
            that it tells apart.
        generator: notes what it pays as `gan`.
    """

    noise: Callable[[str, int], Tensor]
    generate: Callable[[Tensor, Tensor | None], Tensor]
    discriminator: Callable[[Images, Tensor, str, Losses], tuple[Tensor, float]]
    generator: Callable[[Images, Tensor, Losses], None]


def take_turns(
    trainer: TrainerParams, optimizers: Mapping[str, Optimizer], sides: Sides, images: Images
) -> Losses:
    """Update both sides on a batch; return the losses of it."""
    losses: Losses = {}
    match trainer.kind:
        case "simultaneous":
            descend_together(optimizers, _both(sides, images, "0", losses))
        case "extragradient":
            extragradient(optimizers, lambda k: _both(sides, images, k, losses))
        case "accumulated":
            _in_parts(trainer, optimizers, sides, images, losses)
        case "alternating" | "balanced":
            _alternate(trainer, optimizers, sides, images, losses)
    return losses


def _alternate(
    trainer: TrainerParams,
    optimizers: Mapping[str, Optimizer],
    sides: Sides,
    images: Images,
    losses: Losses,
) -> None:
    """Update the discriminator `discriminator_steps` times, then the generator."""
    count = len(images.real)
    for k in range(trainer.discriminator_steps):
        with torch.no_grad():
            fake = sides.generate(sides.noise(f"z/{k}", count), images.label)
        total, told = sides.discriminator(images, fake, str(k), losses)
        if trainer.kind != "balanced" or told <= trainer.balance:
            descend(optimizers["discriminator"], total)
    fake = sides.generate(sides.noise("z/g", count), images.label)
    sides.generator(images, fake, losses)
    descend(optimizers["generator"], losses["gan"])


def _both(sides: Sides, images: Images, look: str, losses: Losses) -> dict[str, Tensor]:
    """Return what both sides pay for the same fakes, by optimizer."""
    fake = sides.generate(sides.noise("z/g", len(images.real)), images.label)
    total = sides.discriminator(images, fake.detach(), look, losses)[0]
    sides.generator(images, fake, losses)
    return {"generator": losses["gan"], "discriminator": total}


def _in_parts(
    trainer: TrainerParams,
    optimizers: Mapping[str, Optimizer],
    sides: Sides,
    images: Images,
    losses: Losses,
) -> None:
    """Alternate with the batch in parts: each one's slopes are added, then a step is taken."""
    count = len(images.real)

    def noted(some: Losses, share: float) -> None:
        for name, loss in some.items():
            losses[name] = losses.get(name, 0) + share * loss.detach()

    def judged(k: int) -> Iterator[Tensor]:
        z = sides.noise(f"z/{k}", count)
        for n, (place, part) in enumerate(images.parts(trainer.parts)):
            share, found = len(part.real) / count, Losses()
            with torch.no_grad():
                fake = sides.generate(z[place], part.label)
            total = sides.discriminator(part, fake, f"{k}/{n}", found)[0]
            noted(found, share)
            yield total * share

    def made() -> Iterator[Tensor]:
        z = sides.noise("z/g", count)
        for place, part in images.parts(trainer.parts):
            share, found = len(part.real) / count, Losses()
            sides.generator(part, sides.generate(z[place], part.label), found)
            noted(found, share)
            yield found["gan"] * share

    for k in range(trainer.discriminator_steps):
        losses.clear()
        descend_parts(optimizers["discriminator"], judged(k))
    descend_parts(optimizers["generator"], made())
