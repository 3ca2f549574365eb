"""Ctrl-C and its like, kept from striking where what they raise would be lost."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

Handler = Callable[[int, FrameType | None], object]


class Signals:
    """Takes signals for a block: they strike at once, but within `held` at its end.

    A library in C that calls us prints what we raise and goes on.
    """

    def __init__(self) -> None:
        self._is_held = False
        self._noted: list[tuple[Handler, int]] = []
        self._before: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():  # no other is struck
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if callable(handler):
                    self._before[number] = handler
                    signal.signal(number, self._strike)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let them wait for the end of the block."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            while self._noted:
                handler, number = self._noted.pop()
                handler(number, None)

    def _strike(self, number: int, frame: FrameType | None) -> None:
        handler = self._before[signal.Signals(number)]
        if self._is_held:
            self._noted.append((handler, number))
        else:
            handler(number, frame)
