"""The benchmark of selection: its two arms share nothing that they are judged by."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from benchmarks import selected

from memegan.images.clusters import homogeneity


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[selected.Community]:
    """A small community in place of the one that takes half a minute to draw."""
    monkeypatch.setattr(selected, "PICTURES", 240)
    monkeypatch.setattr(selected, "JUDGED", 8)
    selected.community.cache_clear()
    yield selected.community()
    selected.community.cache_clear()


def test_what_is_held_out_is_never_learnt_from_and_the_selection_is_more_alike(
    few: selected.Community,
) -> None:
    parts = {
        (arm, held): set(few.part(arm, held_out=held).tolist())
        for arm in ("all", "selected")
        for held in (True, False)
    }
    assert not parts["all", True] & parts["all", False]
    assert parts["selected", True] < parts["all", True]
    assert parts["selected", False] < parts["all", False]
    assert len(parts["all", True] | parts["all", False]) == 240
    every, kept = (few.looks[few.part(arm, held_out=False)] for arm in ("all", "selected"))
    assert homogeneity(kept) > homogeneity(every)


def test_a_training_is_judged_against_its_own_kind_and_against_the_kept_one(
    few: selected.Community,
) -> None:
    one = selected.learnt("all", 0, cpu_s=4)
    assert one["outcome"] == "trained"
    assert one["pictures"] == 180
    assert one["swd own"] != one["swd kept"]
    alike = selected.learnt("selected", 0, cpu_s=4)
    assert alike["swd own"] == alike["swd kept"]
    told = selected.BENCH.summary([one, {**one, "score": 0.0, "swd own": 9.0}])
    assert (told["worst"]["score"], told["worst"]["swd own"]) == (0.0, 9.0)  # type: ignore[index]


def test_pictures_for_judging_are_spread_over_all(few: selected.Community) -> None:
    numbers = few.part("all", held_out=True)
    some = selected._some(few, numbers)
    assert some.shape == (8, 3, 32, 32)
    assert float(some.min()) >= -1
    assert float(some.max()) <= 1
    first = few.pixels[int(numbers[0])].float() / 127.5 - 1
    assert torch.equal(some[0], first)
    assert np.all(np.diff(numbers[np.arange(8) * len(numbers) // 8]) > 0)
