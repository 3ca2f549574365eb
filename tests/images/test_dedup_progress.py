"""How far long work is: told seldom, with the time that is left."""

import logging

import pytest

from memegan.images.progress import Progress, told


def test_the_time_left_follows_from_the_share_that_was_done_meanwhile(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = iter([0.0, 0.0, 60.0, 61.0, 90.0])
    with caplog.at_level(logging.INFO):
        progress = Progress("pictures", 400, clock=lambda: next(now))
        progress.tell(100, 0.25)  # it goes on where it stopped
        progress.tell(200, 0.50)
        progress.tell(204, 0.51)  # too soon
        progress.tell(250)
    assert caplog.messages == [
        "200 of 400 pictures, 2 min 0 s left",
        "250 of 400 pictures, 1 min 30 s left",
    ]


def test_items_pass_as_they_come_and_are_told_on_the_way(caplog: pytest.LogCaptureFixture) -> None:
    now, items = iter(range(0, 1000, 6)), iter(range(6))
    caplog.set_level(logging.INFO)
    passed = told(items, "cats", 6, clock=lambda: next(now))
    assert next(passed) == 0
    assert next(items) == 1  # no further one was asked for
    assert list(passed) == [2, 3, 4, 5]
    assert [line.partition(" cats,")[0] for line in caplog.messages] == ["2 of 6", "4 of 6"]
