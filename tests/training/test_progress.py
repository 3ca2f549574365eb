import io

import pytest

from memegan.training.progress import Progress, told


@pytest.mark.parametrize(
    ("pace", "line"),
    [
        ((0, 0.0), "x: 1200 of 6000 images"),
        ((1000, 50.0), "x: 1200 of 6000 images, 20.0 a second, 4 min 0 s left"),
        ((10, 50.0), "x: 1200 of 6000 images, 0.2 a second, 6 h 40 min left"),
    ],
)
def test_what_is_told(pace: tuple[int, float], line: str) -> None:
    assert told("x", 1200, 6000, pace) == line


def test_elsewhere_than_on_a_terminal_each_line_stands_alone() -> None:
    stream = io.StringIO()
    progress = Progress("x", 5, 10, stream)
    progress.due_s = 0
    progress.at(6)
    progress.at(7)  # not due yet
    progress.end(10)
    lines = stream.getvalue().splitlines()
    assert [line.split(" images")[0] for line in lines] == ["x: 6 of 10", "x: 10 of 10"]
    assert "\r" not in stream.getvalue()
    assert "left" not in lines[-1]
