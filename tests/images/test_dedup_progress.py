"""How far long work is: told seldom, with the time that is left."""

import logging

import pytest

from memegan.images.progress import Progress


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
