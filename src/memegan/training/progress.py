"""How far a training is: one moving line on a terminal, now and then a line elsewhere."""

import sys
import time
from typing import TextIO

_EVERY_S = {True: 1.0, False: 30.0}  # on a terminal, elsewhere
_FIRST_S = 5.0  # by then the pace is known


class Progress:
    """Tells images seen, pace and time left on standard error."""

    def __init__(self, name: str, seen: int, total: int, stream: TextIO | None = None) -> None:
        self.name, self.begin, self.total = name, seen, total
        self.stream = stream or sys.stderr
        self.is_terminal = self.stream.isatty()
        self.begin_s = time.monotonic()
        self.due_s = self.begin_s + _FIRST_S

    def at(self, seen: int) -> None:
        """Tell it where it is time to."""
        now = time.monotonic()
        if now >= self.due_s:
            self.due_s = now + _EVERY_S[self.is_terminal]
            self._write(told(self.name, seen, self.total, (seen - self.begin, now - self.begin_s)))

    def end(self, seen: int) -> None:
        """Tell the last state and leave the line."""
        took = time.monotonic() - self.begin_s
        self._write(told(self.name, seen, self.total, (seen - self.begin, took)))
        if self.is_terminal:
            self.stream.write("\n")

    def _write(self, line: str) -> None:
        self.stream.write(f"\r{line}\x1b[K" if self.is_terminal else f"{line}\n")
        self.stream.flush()


def told(name: str, seen: int, total: int, pace: tuple[int, float]) -> str:
    """Return for example 'cyclegan: 1200 of 6000 images, 22.1 a second, 3 min 37 s left'.

    Args:
        pace: images, and the seconds that they took.
    """
    images, took_s = pace
    line = f"{name}: {seen} of {total} images"
    if not images or not took_s:
        return line
    left = round((total - seen) * took_s / images)
    minutes, seconds = divmod(left, 60)
    hours, minutes = divmod(minutes, 60)
    time_left = f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
    return f"{line}, {images / took_s:.1f} a second" + (f", {time_left} left" if left else "")
