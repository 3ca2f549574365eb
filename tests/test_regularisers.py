"""Penalties by formula on a discriminator whose slope is known; ADA changes what it should."""

import pytest
import torch
from torch import Tensor

from memegan.regularisers import ADA_TARGET, adapted, adaptive_augment, consistency, roth
from memegan.rng import Numbers


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


def ada(images: Tensor, strength: float, name: str = "real/0") -> Tensor:
    return adaptive_augment(images, Numbers(1, 0), name, torch.tensor(strength))


def test_ada_of_strength_0_changes_nothing_and_of_strength_1_every_image() -> None:
    images = torch.rand(16, 3, 16, 16) * 2 - 1
    assert torch.allclose(ada(images, 0.0), images, atol=1e-6)
    out = ada(images, 1.0)
    assert out.shape == images.shape
    assert all(not torch.allclose(a, b, atol=1e-3) for a, b in zip(out, images, strict=True))
    assert torch.equal(out, ada(images, 1.0))
    assert not torch.equal(out, ada(images, 1.0, "fake/0"))


def test_ada_changes_about_as_many_images_as_its_strength_says() -> None:
    image = torch.rand(1, 3, 16, 16).expand(400, -1, -1, -1)
    same = (ada(image, 0.2) - image).abs().amax((1, 2, 3)) < 1e-5
    chance = 0.8**7  # none of the seven ways; a shift may also be one by nothing
    assert float(same.float().mean()) == pytest.approx(chance, abs=0.06)


def test_ada_is_differentiable() -> None:
    images = torch.rand(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: ada(x, 0.7), images)


@pytest.mark.parametrize(("logits", "way"), [([5.0] * 10, 1), ([-5.0] * 10, -1), ([5.0, -5.0], -1)])
def test_ada_grows_while_real_images_are_judged_too_surely(logits: list[float], way: int) -> None:
    now = torch.tensor(0.5)
    after = adapted(now, torch.tensor(logits), 10, 1000)
    assert float(after - now) == pytest.approx(way * 0.01)
    assert ADA_TARGET == 0.6  # of the paper


def test_ada_stays_between_0_and_1() -> None:
    for logits, end in ((torch.ones(4), 1.0), (-torch.ones(4), 0.0)):
        strength = torch.tensor(0.5)
        for _ in range(5):
            strength = adapted(strength, logits, 300, 1000)
        assert float(strength) == end
