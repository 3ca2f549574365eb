"""`dvc repro` of the whole tiny pipeline, nothing changed, against that of an empty project."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._project import called, project
from memegan.benches import Ratio

QUIET = "[core]\n    analytics = false\n    check_update = false\n    no_scm = true\n"


@contextmanager
def ours() -> Iterator[Callable[[], object]]:
    """Run all stages once, then give what asks again."""
    with project({}) as folder:
        repro = _repro(folder)
        repro()
        if "'report' didn't change" not in repro():
            raise RuntimeError("a pipeline that has just run is not up to date")
        yield repro


@contextmanager
def reference() -> Iterator[Callable[[], object]]:
    """Give what asks in a project without a stage."""
    with TemporaryDirectory() as name:
        (Path(name) / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
        yield _repro(Path(name))


def _repro(folder: Path) -> Callable[[], str]:
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text(QUIET, encoding="utf-8")
    return lambda: called(folder, "-m", "dvc", "repro")


BENCH = Ratio(ours, reference, target="at most 2.5")
