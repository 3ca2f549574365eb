from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fetching.web import Web, serving

from memegan.fetching.store import Store


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store") as store:
        yield store
