"""The learning rate as a function of images seen: nothing to save, nothing to forget."""

import math

from memegan.variants.base import Schedule


def rate_factor(schedule: Schedule, images_seen: int, total_images: int) -> float:
    """Return what the initial learning rate is multiplied with, 0..1.

    `linear` falls from 1 at `decay_from` to 0 at the end (Zhu et al. 2017, section 4), `cosine`
    along half a wave (Loshchilov and Hutter 2017, eq. 5).
    """
    rise = min(1.0, images_seen / schedule.warmup_images) if schedule.warmup_images else 1.0
    start = schedule.decay_from * total_images
    if schedule.kind == "constant" or images_seen <= start:
        return rise
    fallen = min(1.0, (images_seen - start) / max(total_images - start, 1))
    if schedule.kind == "linear":
        return rise * (1 - fallen)
    return rise * 0.5 * (1 + math.cos(math.pi * fallen))
