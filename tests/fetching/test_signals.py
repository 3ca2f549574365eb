import os
import signal

import pytest

from memegan.fetching.signals import Signals


def interrupted_within_held(signals: Signals, reached: list[str]) -> None:
    with signals.held():
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("the end of the block")
    reached.append("what follows")


def test_a_signal_waits_for_the_end_of_the_block_in_which_it_would_be_lost() -> None:
    reached = list[str]()
    with Signals() as signals, pytest.raises(KeyboardInterrupt):
        interrupted_within_held(signals, reached)
    assert reached == ["the end of the block"]


def test_a_signal_strikes_at_once_elsewhere_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Signals():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
