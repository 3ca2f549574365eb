"""Penalties by formula on a discriminator whose slope is known."""

import pytest
import torch

from memegan.regularisers import consistency, roth


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_roths_penalty_of_a_plane_is_the_formula() -> None:
    """Logits w.x: the slope is w everywhere, weighed by (1 - D)^2 on real and D^2 on fake."""
    draw = torch.Generator().manual_seed(1)
    real, fake = (torch.randn(4, 3, 2, 2, generator=draw).requires_grad_() for _ in range(2))
    weight = torch.randn(12, 1, generator=draw)
    of_real, of_fake = real.flatten(1) @ weight, fake.flatten(1) @ weight
    square = weight.square().sum()
    wanted = ((1 - torch.sigmoid(of_real)) ** 2).mean() * square
    wanted = wanted + (torch.sigmoid(of_fake) ** 2).mean() * square
    assert torch.allclose(roth(real, fake, of_real, of_fake), wanted)


def test_consistency_is_the_mean_square_of_what_changed() -> None:
    assert float(consistency(torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [5.0]]))) == 4.5
