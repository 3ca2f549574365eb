"""What a change makes stale, asked of DVC itself in a copy of the project; nothing is run."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.filterwarnings("default")  # of DVC's own


class Project:
    """A copy of the project whose stages all count as done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("dvc.yaml", "params.yaml", "src", "stages", ".dvc/config", ".dvcignore"):
            source, target = ROOT / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        (folder / "data/inputs").mkdir(parents=True)
        for name in (
            "data/takedown.csv",
            "data/blocklist.csv",
            "data/decisions.csv",
            "data/inputs/README.md",
        ):
            shutil.copy(ROOT / name, folder / name)
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
        runs = yaml.safe_load((folder / "params.yaml").read_text())["train"]
        for out in self._outs(runs):
            path = folder / out
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("made\n")
        for name in ("fetches.csv", "packs/0.tar"):
            self._add(f"data/raw/{name}")
        for name in ("data/frames/packs/0.tar", "data/images/packs/0.tar"):
            self._add(name)
        self._ask(lambda repo: repo.commit(force=True))

    def stale(self) -> set[str]:
        """Return the names of the stages that DVC would run, not counting what follows them."""
        return set(self._ask(lambda repo: repo.status()))

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        """Change one text file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(change(path.read_text() if path.exists() else ""))

    def _ask(self, question: Callable[[Any], T]) -> T:
        from dvc.repo import Repo

        with contextlib.chdir(self.folder), Repo() as repo:  # DVC looks at the current folder too
            return question(repo)

    def _add(self, name: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made\n")

    def _outs(self, runs: dict[str, object]) -> Iterator[str]:
        folders = {"data/raw", "data/frames"}
        for stage in yaml.safe_load((self.folder / "dvc.yaml").read_text())["stages"].values():
            for key in runs if "foreach" in stage else [""]:
                body = stage.get("do", stage)
                for part in ("outs", "metrics", "plots"):
                    for out in body.get(part, []):
                        name = out if isinstance(out, str) else next(iter(out))
                        name = name.replace("${key}", key)
                        if name == "data/dedup":
                            yield from (
                                f"{name}/{t}.csv" for t in ("kept", "duplicates", "quarantine")
                            )
                        elif name == "data/select":
                            yield from (f"{name}/{t}.csv" for t in ("selected", "left", "likeness"))
                        elif name == "report":
                            yield f"{name}/index.html"
                        elif name == "data/images":
                            yield from (f"{name}/{t}.csv" for t in ("images", "text"))
                        elif name in folders:
                            yield f"{name}/{name.removeprefix('data/')}.csv"
                        else:
                            yield name if Path(name).suffix else f"{name}/made.txt"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture
def project(done: Project) -> Iterator[Project]:
    """The project with all changes of a test taken back afterwards."""
    watched = ("params.yaml", "src", "stages", "data/takedown.csv", "data/inputs")
    kept = {p: p.read_bytes() for name in watched for p in _files(done.folder / name)}
    yield done
    for path in (p for name in watched for p in _files(done.folder / name)):
        if path not in kept:
            path.unlink()
    for path, data in kept.items():
        path.write_bytes(data)


def _files(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]


def test_a_finished_project_is_up_to_date(project: Project) -> None:
    assert project.stale() == set()


@pytest.mark.parametrize(
    ("name", "old", "new", "stale"),
    [
        ("params.yaml", "generator: resnet", "generator: unet", {"train@cyclegan"}),
        ("params.yaml", "every_s: 1.0", "every_s: 2.0", {"frames"}),
        ("params.yaml", "fit: crop", "fit: stretch", {"resize"}),
        ("params.yaml", "test_share: 0.1", "test_share: 0.2", {"manifest"}),
        ("params.yaml", 'snapshot: "2026', 'snapshot: "2027', {"scrape"}),
        (
            "data/takedown.csv",
            "\n",
            "\nurl,http://x.invalid,asked\n",
            {"scrape", "dedup", "manifest"},
        ),
        ("data/inputs/new.png", "", "a picture", {"scrape", "frames", "select"}),
        (
            "src/memegan/variants/hypergan.py",
            '"""',
            '"""A ',
            {"train@hypergan", "evaluate@hypergan"},
        ),
        (
            "src/memegan/variants/cyclegan.py",
            '"""',
            '"""A ',
            {"train@cyclegan", "evaluate@cyclegan"},
        ),
        ("src/memegan/report/card.py", '"""', '"""A ', {"manifest"}),
        ("src/memegan/cli/check.py", '"""', '"""A ', set()),
        (
            "src/memegan/demo/world.py",
            '"""',
            '"""A ',
            {f"evaluate@{run}" for run in ("cyclegan", "hypergan", "vaegan", "pixelcnn")},
        ),
    ],
)
def test_a_change_makes_stale_what_it_must_and_no_more(
    project: Project, name: str, old: str, new: str, stale: set[str]
) -> None:
    project.edit(name, lambda text: text.replace(old, new, 1) if old else new)
    assert project.stale() == stale


def test_one_runs_own_params_touch_that_run_and_the_report(project: Project) -> None:
    project.edit("params.yaml", lambda text: _set_total(text, "hypergan"))
    assert project.stale() == {"train@hypergan", "report"}


def _set_total(text: str, run: str) -> str:
    head, tail = text.split(f"  {run}:\n", 1)
    old = next(line for line in tail.splitlines() if "total_images" in line)
    return f"{head}  {run}:\n{tail.replace(old, '    total_images: 9999', 1)}"
