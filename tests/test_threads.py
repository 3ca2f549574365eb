"""Who may use how many threads is said by the environment first."""

import os

import pytest

from memegan.threads import share_cores


@pytest.mark.parametrize(("said", "holds"), [(None, "1"), ("3", "3")])
def test_small_matrices_are_multiplied_alone_unless_the_environment_says_so(
    monkeypatch: pytest.MonkeyPatch, said: str | None, holds: str
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", said or "")
    if said is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    share_cores()
    assert os.environ["OPENBLAS_NUM_THREADS"] == holds
