"""Which MLflow run a spool belongs to: found by its tags, never by the environment."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memegan.tracking.events import Event
from memegan.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

KEY, FORMER, ATTEMPT = "memegan.key", "memegan.former_key", "memegan.attempt"
RESTORED, DELETED = "memegan.restored", "deleted"
NAMED_BY = ("model.generator", "network.preset")  # what tells runs apart at a glance


@dataclass(frozen=True)
class Home:
    """The run of a spool; `is_ours` is False where another spool has told the training itself."""

    run_id: str
    state: str
    is_ours: bool


def find_or_make(store: Store, begin: Event, run_id: str = "") -> Home:
    """Find the run of the training that `begin` starts, or make it.

    A training that started afresh is a run of its own and takes over the tag `memegan.key`; the
    earlier run of that key keeps it as `memegan.former_key`. What was only restored from tracked
    outputs steps back behind a run that was there.

    Args:
        run_id: where this spool went before, if that is known.
    """
    run = _run(store, run_id) or _tagged(store, ATTEMPT, begin["attempt"])
    if run is not None:
        is_ours = run.data.tags.get(ATTEMPT) == begin["attempt"]
        return Home(run.info.run_id, run.info.lifecycle_stage, is_ours)
    tags = dict(begin["about"]["tags"])
    earlier = _tagged(store, KEY, tags[KEY])
    if earlier is not None:
        if RESTORED in tags:
            return Home(earlier.info.run_id, earlier.info.lifecycle_stage, False)
        if earlier.info.start_time <= begin["time_ms"] or RESTORED in earlier.data.tags:
            store.client.set_tag(earlier.info.run_id, FORMER, tags[KEY])
            store.client.delete_tag(earlier.info.run_id, KEY)
        else:
            tags[FORMER] = tags.pop(KEY)  # it started later, on another machine
    made = store.client.create_run(
        store.experiment_id,
        start_time=begin["time_ms"],
        tags={**tags, ATTEMPT: begin["attempt"]},
        run_name=_title(begin),
    )
    return Home(made.info.run_id, made.info.lifecycle_stage, True)


def run_of_key(store: Store, key: str) -> "Run | None":
    """Find the run that has the tag `memegan.key`."""
    return _tagged(store, KEY, key)


def _run(store: Store, run_id: str) -> "Run | None":
    from mlflow.exceptions import MlflowException

    try:
        return store.client.get_run(run_id) if run_id else None
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None  # the store was made anew: send everything again
        raise


def _tagged(store: Store, tag: str, value: str) -> "Run | None":
    from mlflow.entities import ViewType

    wanted = f"tags.`{tag}` = '{value}'"
    view = ViewType.ALL if tag == ATTEMPT else ViewType.ACTIVE_ONLY
    found = store.client.search_runs([store.experiment_id], wanted, view, max_results=1)
    return found[0] if found else None


def _title(begin: Event) -> str:
    """For example: train-cyclegan unet gen-2."""
    tags, params = begin["about"]["tags"], begin["about"]["params"]
    words = [f"{tags['memegan.stage']}-{tags['memegan.run']}"]
    words += [params[name] for name in NAMED_BY if name in params]
    return " ".join([*words, *([tags["dvc.exp"]] if "dvc.exp" in tags else [])])
