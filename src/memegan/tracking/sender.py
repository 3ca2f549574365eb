"""The process that mirrors spools: python -m memegan.tracking.sender FOLDER..., by `mirroring`.

It sends what is new every few seconds. `end` on its standard input asks for the rest and an end;
when the input ends without that word the training was killed, and so the sender dies with it.
"""

import functools
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from memegan.tracking.deliver import deliver
from memegan.tracking.store import first_line, open_store

EVERY_S = 10.0
REST_S = 60.0  # a store that failed is left alone this long


class Breaker:
    """Sends, and leaves a store that failed alone; says once that it is down, once that it is up.

    Args:
        send: sends all that is new, or raises.
        rest_calls: how many further calls do nothing after a failure.
    """

    def __init__(self, send: Callable[[], None], rest_calls: int) -> None:
        self.send, self.rest_calls = send, rest_calls
        self.left, self.is_down = 0, False

    def __call__(self) -> None:
        if self.left:
            self.left -= 1
            return
        try:
            self.send()
        except Exception as error:  # whatever a store does, training goes on
            if not self.is_down:
                _say(f"MLflow is behind, nothing is lost (memegan sync): {first_line(error)}")
            self.left, self.is_down = self.rest_calls, True
        else:
            if self.is_down:
                _say("MLflow is back")
            self.is_down = False


def main(folders: list[Path]) -> None:
    """Send until the training ends."""
    finished = threading.Event()
    threading.Thread(target=_listen, args=(finished,), daemon=True).start()
    if sys.platform != "win32":
        os.nice(5)
    root = folders[0].parents[1]

    opened = functools.cache(open_store)  # a failure is not kept: the next call tries again

    def send() -> None:
        for folder in folders:
            deliver(opened(root), folder)

    breaker = Breaker(send, int(REST_S / EVERY_S))
    breaker()
    while not finished.wait(EVERY_S):
        breaker()
    breaker.left = 0
    breaker()


def _listen(finished: threading.Event) -> None:
    if sys.stdin.buffer.read() != b"end\n":
        os._exit(1)  # nobody waits for what MLflow may still be doing
    finished.set()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
