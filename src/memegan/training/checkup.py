"""A look at what a training makes, at each grid: alarms of its pictures, losses and samples."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import torch
from torch import Tensor

from memegan.dataset import Images
from memegan.rng import Numbers
from memegan.tracking.spool import Tracker
from memegan.training.alarms import Alarm, compare, look
from memegan.training.checkpoint import TrainState, Whole
from memegan.training.health import Health, Likes
from memegan.variants.base import Plan

SAMPLES = 32  # where a variant makes them of codes; else as many as the grid shows
LEAST = 4  # samples; fewer say nothing of all
_SIDES = {"fake": "a", "fake_b": "b", "fake_a": "a"}  # what pictures are to be like
log = logging.getLogger(__name__)


@dataclass
class Checkup:
    """Compares with the training pictures, which are looked at when the first grid is made."""

    train: Images
    likes: dict[str, Likes] = field(default_factory=dict)

    def __call__(
        self,
        whole: Whole,
        plan: Plan,
        images: Mapping[str, Tensor],
        losses: Mapping[str, Tensor],
        state: TrainState,
        tracker: Tracker,
    ) -> tuple[list[Alarm], TrainState]:
        """Tell all alarms; return them, and the state, which knows the best healthy grids.

        Args:
            images: what `Variant.show` gave.
        """
        alarms = look(images, {name: float(loss.detach()) for name, loss in losses.items()})
        best = Health(state.most_diverse / 1000, state.most_covered / 1000, 0.0, 0.0)
        is_of_noise = "fake" in images and "truth" not in images
        for name, side in _SIDES.items():
            samples = self._samples(whole, plan, images, name)
            if len(samples) < LEAST:
                continue
            health = self._likes(side).health(samples)
            seen = {f"health/{name}_{what}": value for what, value in asdict(health).items()}
            tracker.measures(seen, state.images_seen)
            alarms += compare(name, health, best, is_of_noise)
            if is_of_noise:
                best = replace(
                    best,
                    diversity=max(best.diversity, health.diversity),
                    coverage=max(best.coverage, health.coverage),
                )
        for alarm in alarms:
            told = (alarm.name, state.images_seen, alarm.what, alarm.fix)
            log.warning("%s at %d images: %s; %s", *told)
            tracker.measures({f"alarm/{alarm.name}": 1.0}, state.images_seen)
        if alarms:
            return alarms, state
        most = {
            "most_diverse": round(1000 * best.diversity),
            "most_covered": round(1000 * best.coverage),
        }
        return alarms, replace(state, **most)

    @torch.no_grad()
    def _samples(self, whole: Whole, plan: Plan, images: Mapping[str, Tensor], name: str) -> Tensor:
        """Return pictures (K, 3, S, S) in [-1, 1]; none where the variant gives none so named."""
        if name not in images:
            return torch.empty(0)
        latent = whole.variant.latent(whole.averages) if name == "fake" else None
        if latent is None:
            return images[name]
        numbers = Numbers(plan.seed, 0, str(images[name].device))
        return latent.decode(latent.draw(numbers, SAMPLES), latent.labels(numbers, SAMPLES))

    def _likes(self, side: str) -> Likes:
        if side not in self.likes:
            self.likes[side] = Likes(self.train.pixels[side])
        return self.likes[side]
