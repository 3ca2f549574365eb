"""All that waits on disk, brought to MLflow."""

from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from memegan.tracking.deliver import deliver, folders
from memegan.tracking.experiments import tag_experiments
from memegan.tracking.restore import restore
from memegan.tracking.store import first_line, open_store


@dataclass(frozen=True)
class Synced:
    """What one sync did."""

    runs: dict[str, str]  # training key -> MLflow run id
    events: int
    notes: int
    restored: list[str]
    experiments: dict[str, str]  # training key -> tag dvc.exps
    failed: dict[str, str]  # training key -> why


def sync(root: Path) -> Synced:
    """Restore, deliver and tag; doing it twice adds nothing.

    Raises:
        StoreError: the store does not answer.
    """
    store = open_store(root)
    restored = [folder.name for folder in restore(root)]
    runs, failed, events, notes = {}, {}, 0, 0
    for folder in folders(root):
        try:
            done = deliver(store, folder)
        except Timeout:
            failed[folder.name] = "another process sends it now"
        except Exception as error:  # one spool that a store refuses does not hold up the others
            failed[folder.name] = first_line(error)
        else:
            runs[folder.name] = done.run_id
            events, notes = events + done.events, notes + done.notes
    return Synced(runs, events, notes, restored, tag_experiments(store, root), failed)
