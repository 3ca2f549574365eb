"""Bodies that wait on disk to be checked, and what is left of them when a scrape is killed."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memegan.fetching.coming import Body, Coming
from memegan.fetching.files import Files


@contextmanager
def begun(folder: Path) -> Iterator[Coming]:
    coming = Coming(folder)
    coming.prepare()
    yield coming
    coming.close()


def read(path: str, offset: int, size: int) -> bytes:
    return Path(path).read_bytes()[offset : offset + size]


def test_a_killed_scrape_has_not_asked_in_vain_but_for_what_is_torn(tmp_path: Path) -> None:
    with begun(tmp_path / "coming") as coming:
        for number in range(3):
            body = Body(bytes([number]) * 1000, f"u{number}")
            piece = coming.put(f"u{number}", body, 1).piece
    with Path(piece.path).open("r+b") as file:
        file.truncate(piece.offset + 500)  # where a kill left it
    with begun(tmp_path / "coming") as again:
        came = again.take("u1")
        assert came is not None
        assert came.was_left
        assert read(*vars(came.piece).values()) == b"\1" * 1000
        assert again.take("u1") is None
        assert again.take("u2") is None


def test_nothing_is_left_of_bodies_that_are_done(tmp_path: Path) -> None:
    with begun(tmp_path / "coming") as coming:
        pieces = [coming.put(f"u{n}", Body(b"x" * 1000, "u"), 1).piece for n in range(3)]
        for piece in pieces:
            coming.done(piece)
    assert sum(path.stat().st_size for path in coming.folder.iterdir()) == 0


def test_a_full_disk_is_an_error_and_no_body_is_half_there(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    files = Files(tmp_path / "files")
    files.prepare()
    with begun(tmp_path / "coming") as coming:
        coming.put("whole", Body(b"x" * 1000, "whole"), 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))  # a write stops in its middle
        try:
            with pytest.raises(OSError, match="No space left"):
                coming.put("half", Body(b"y" * 10_000, "half"), 1)
            with pytest.raises(OSError, match="too large"):
                files.put(b"z" * 10_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [*files.folder.rglob("*")] == [*files.folder.iterdir()]  # empty folders
    with begun(tmp_path / "coming") as again:
        assert again.take("whole") is not None
        assert again.take("half") is None
