"""What a training does when its pictures show a known failure: warn, stop, or go back."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from memegan.errors import TrainingError
from memegan.training import checkpoint
from memegan.training.alarms import Alarm
from memegan.training.checkpoint import TrainState, Whole
from memegan.variants.base import GOES_BACK, Plan

MOST_ROLLBACKS = 3
log = logging.getLogger(__name__)


def rate_share(state: TrainState) -> float:
    """Return the share of the learning rate that is left: each rollback halves it."""
    return 0.5**state.rollbacks


def answer(
    alarms: Sequence[Alarm], state: TrainState, whole: Whole, plan: Plan, path: Path
) -> TrainState:
    """Do as `plan.on_collapse` says, and return the state to go on from.

    A rollback takes weights, averages and optimizers of the last grid without an alarm; images
    seen go on, so that other batches follow. Healthy states lie beside `path`, named by their
    images seen, and the checkpoint names the one it would go back to: a killed run resumes to
    the same bits.

    Raises:
        TrainingError: an alarm, and the run is to stop; or it went back too often.
        CheckpointError: a healthy state cannot be written or read.
    """
    if plan.on_collapse in GOES_BACK and not alarms:
        return _kept(state, whole, path)
    if plan.on_collapse in ("auto", "warn") or not alarms:
        return state
    if plan.on_collapse == "recover" and state.rollbacks == MOST_ROLLBACKS:
        return state
    if plan.on_collapse == "stop" or state.rollbacks == MOST_ROLLBACKS:
        again = f", after {state.rollbacks} rollbacks" if state.rollbacks else ""
        raise TrainingError(
            f"{alarms[0].name}: {alarms[0].what}{again}",
            where=f"{state.images_seen} images seen",
            fix=alarms[0].fix,
        )
    if not state.healthy_at:  # young generators often make one gray: nothing to go back to yet
        return state
    log.warning("back to the weights of %d images, half the learning rate", state.healthy_at)
    checkpoint.restore(_healthy(path, state), whole)
    return replace(state, rollbacks=state.rollbacks + 1)


def _kept(state: TrainState, whole: Whole, path: Path) -> TrainState:
    """Save this state as the one to go back to; the one before may go when this one is named."""
    before, state = _healthy(path, state), replace(state, healthy_at=state.images_seen)
    checkpoint.save(_healthy(path, state), state, whole)
    checkpoint.save(path, state, whole)
    before.unlink(missing_ok=True)
    return state


def _healthy(path: Path, state: TrainState) -> Path:
    return path.with_name(f"healthy-{state.healthy_at:09d}.safetensors")
