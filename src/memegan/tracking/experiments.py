"""Which DVC experiments a training belongs to: asked of git, where DVC keeps them."""

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

from memegan.tracking.runs import run_of_key
from memegan.tracking.store import Store

_NAME = re.compile(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(.+)")
_KEY = re.compile(r'"memegan_key": "([0-9a-f]+)"')
_AT_ONCE = 200  # revisions in one command line


def experiments_of_keys(root: Path) -> dict[str, list[str]]:
    """Map each training key to its experiments, as "gen-1@c5700d5", sorted.

    An experiment that DVC restored from its run cache has the key of the training that made it:
    the field `memegan_key` of metrics/train/RUN.json.
    """
    refs = _git(root, "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps")
    names = {}
    for line in refs.splitlines():
        rev, _, ref = line.partition(" ")
        if found := _NAME.fullmatch(ref):
            names[rev] = f"{found[1]}@{rev[:7]}"
    keys = keys_in(root, list(names))
    experiments = defaultdict(list)
    for rev, name in names.items():
        for key in keys.get(rev, ()):
            experiments[key].append(name)
    return {key: sorted(found) for key, found in sorted(experiments.items())}


def keys_in(root: Path, revs: list[str]) -> dict[str, set[str]]:
    """Map each revision to the training keys in its metrics/train."""
    found = defaultdict(set)
    for first in range(0, len(revs), _AT_ONCE):
        part = revs[first : first + _AT_ONCE]
        text = _git(root, "grep", '"memegan_key": "', *part, "--", "metrics/train")
        for line in text.splitlines():
            if key := _KEY.search(line):
                found[line.partition(":")[0]].add(key[1])
    return dict(found)


def all_revisions(root: Path) -> list[str]:
    """List the commits that branches, tags, remotes and experiments point at."""
    text = _git(root, "for-each-ref", "--format=%(objectname)")
    return sorted({*text.split(), *_git(root, "rev-parse", "--verify", "-q", "HEAD").split()})


def tag_experiments(store: Store, root: Path) -> dict[str, str]:
    """Write the tag `dvc.exps` on the run of each key; return what each key got."""
    written = {}
    for key, names in experiments_of_keys(root).items():
        if (run := run_of_key(store, key)) is not None:
            written[key] = " ".join(names)
            if run.data.tags.get("dvc.exps") != written[key]:
                store.client.set_tag(run.info.run_id, "dvc.exps", written[key])
    return written


def _git(root: Path, *words: str) -> str:
    """Ask git; a project without git, or a question without an answer, gives nothing."""
    git = shutil.which("git")
    if git is None:
        return ""
    asked = [git, "-C", str(root), *words]
    return subprocess.run(asked, capture_output=True, encoding="utf-8", check=False).stdout
