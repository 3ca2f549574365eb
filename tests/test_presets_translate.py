"""Recipes that translate; a file of their own, so that two processes share the work."""

import pytest
from tests.recipes import goes_through


@pytest.mark.slow
@pytest.mark.timeout(900)  # eight stages, each a process of its own
@pytest.mark.parametrize("name", ["monet", "cartoon", "horse2zebra", "cage", "superres"])
def test_a_tiny_recipe_runs_from_the_posts_to_the_report(name: str) -> None:
    goes_through(name)
