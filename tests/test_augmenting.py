"""ADA changes what it should, each way by its formula; its strength follows the logits."""

import math

import pytest
import torch
from torch import Tensor

from memegan.augmenting import ADA_TARGET, adapted, adaptive_augment
from memegan.rng import Numbers

WAYS = (
    *("mirror", "quarter turn", "whole pixels", "scale", "turn", "stretch", "turn again", "move"),
    *("brightness", "contrast", "luma", "hue", "saturation"),
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Only:
    """Draws by which one way alone changes the pictures, with numbers that are told."""

    def __init__(self, way: str, even: float, bell: float) -> None:
        self.way, self.even, self.bell = way, even, bell

    def uniform(self, name: str, *shape: int) -> Tensor:
        if not name.endswith("chance"):
            return torch.full(shape, self.even)
        chance = torch.ones(shape)
        chance[WAYS.index(self.way)] = 0
        return chance

    def normal(self, name: str, *shape: int) -> Tensor:
        return torch.full(shape, self.bell)


def changed(images: Tensor, way: str, even: float = 0.5, bell: float = 0.0) -> Tensor:
    return adaptive_augment(images, Only(way, even, bell), "x", torch.tensor(0.5))


def ada(images: Tensor, strength: float, name: str = "real/0") -> Tensor:
    return adaptive_augment(images, Numbers(1, 0), name, torch.tensor(strength))


def noise(count: int = 3) -> Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


# Where a pixel goes ------------------------------------------------------------------------------


def test_a_mirror_image_is_drawn_half_of_the_time() -> None:
    assert torch.allclose(changed(noise(), "mirror", even=0.4), noise().flip(3), atol=1e-5)
    assert torch.allclose(changed(noise(), "mirror", even=0.6), noise(), atol=1e-5)


def test_each_quarter_turn_is_one_draw_in_four() -> None:
    out = [changed(noise(), "quarter turn", even) for even in (0.1, 0.3, 0.6, 0.9)]
    found = [
        [torch.allclose(one, noise().rot90(k, (2, 3)), atol=1e-5) for k in range(4)] for one in out
    ]
    assert [row.count(True) for row in found] == [1] * 4
    assert sorted(row.index(True) for row in found) == [0, 1, 2, 3]


def test_whole_pixels_move_by_up_to_an_eighth_and_the_mirror_image_comes_in() -> None:
    out = changed(noise(), "whole pixels", even=0.9)  # (.9 / 4 - .125) 16 = 1.6: two
    assert torch.allclose(out[..., :14, :14], noise()[..., 2:, 2:], atol=1e-5)
    assert torch.allclose(out[..., :14, 14:], noise()[..., 2:, 14:].flip(3), atol=1e-5)


def middle(images: Tensor) -> tuple[float, float]:
    """Return the centre of mass, x and y in [-1, 1]."""
    at = (torch.arange(images.shape[-1]) + 0.5) / images.shape[-1] * 2 - 1
    share = images[0, 0] / images[0, 0].sum()
    return float((share.sum(0) * at).sum()), float((share.sum(1) * at).sum())


def bump() -> Tensor:
    """A picture whose centre of mass lies at (-.2, -.3)."""
    at = (torch.arange(64) + 0.5) / 32 - 1
    height = torch.exp(-50 * ((at[:, None] + 0.3) ** 2 + (at[None] + 0.2) ** 2))
    return height.expand(1, 3, 64, 64)


SCALE = 2**0.2
HALF = math.sqrt(0.5)


@pytest.mark.parametrize(
    ("way", "even", "bell", "x", "y"),
    [
        ("scale", 0.5, 1.0, -0.2 * SCALE, -0.3 * SCALE),
        ("stretch", 0.5, 1.0, -0.2 * SCALE, -0.3 / SCALE),
        ("move", 0.5, 1.0, -0.45, -0.55),
        ("turn", 0.625, 0.0, HALF * (-0.2 - 0.3), HALF * (0.2 - 0.3)),  # by pi / 4
        ("turn again", 0.625, 0.0, HALF * (-0.2 - 0.3), HALF * (0.2 - 0.3)),
    ],
)
def test_geometry_by_the_centre_of_mass(
    way: str, even: float, bell: float, x: float, y: float
) -> None:
    assert middle(bump()) == pytest.approx((-0.2, -0.3), abs=1e-3)
    assert middle(changed(bump(), way, even, bell)) == pytest.approx((x, y), abs=2e-3)


# What becomes of a colour ------------------------------------------------------------------------


def test_colours_by_their_formulas() -> None:
    x, gray = noise(), noise().mean(1, keepdim=True)
    wanted = {"brightness": x + 0.2, "contrast": x * 2**0.5, "saturation": gray + 2 * (x - gray)}
    for way, out in wanted.items():
        assert torch.allclose(changed(x, way, bell=1.0), out, atol=1e-5), way
    assert torch.allclose(changed(x, "luma", even=0.4), x - 2 * gray, atol=1e-5)
    assert torch.allclose(changed(x, "luma", even=0.6), x, atol=1e-5)


def test_a_third_of_a_turn_of_the_hue_is_a_change_of_channels() -> None:
    out = changed(noise(), "hue", even=5 / 6)
    assert torch.allclose(out, noise()[:, [2, 0, 1]], atol=1e-5)
    gray = noise().mean(1, keepdim=True)
    assert torch.allclose(changed(noise(), "hue", even=0.7).mean(1, keepdim=True), gray, atol=1e-5)


# How much and how often --------------------------------------------------------------------------


def test_strength_0_changes_nothing_and_strength_1_every_image() -> None:
    images = noise(16)
    assert torch.equal(ada(images, 0.0), images)
    out = ada(images, 1.0)
    assert out.shape == images.shape
    assert all(not torch.allclose(a, b, atol=1e-3) for a, b in zip(out, images, strict=True))
    assert torch.equal(out, ada(images, 1.0))
    assert not torch.equal(out, ada(images, 1.0, "fake/0"))


def test_as_many_images_are_changed_as_the_strength_says() -> None:
    image = noise(1).expand(1000, -1, -1, -1)
    same = (ada(image, 0.2) - image).abs().amax((1, 2, 3)) < 1e-4
    often = 0.8**8  # scale, stretch, move, four of colour; the two turns as often as one
    rare = 0.9 * 0.85 * (1 - 0.2 * 15 / 16) * 0.9  # mirror, quarter turn, whole pixels, luma
    assert float(same.float().mean()) == pytest.approx(often * rare, abs=0.03)


def test_ada_is_differentiable_twice() -> None:
    images = torch.rand(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: ada(x, 0.7), images)
    assert torch.autograd.gradgradcheck(lambda x: ada(x, 0.7) ** 2, images)


def test_a_step_of_few_bits_does_not_move_pixels() -> None:
    rounded = noise(16).bfloat16()  # as a generator's pictures are, where real ones are not
    with torch.autocast("cpu", torch.bfloat16):
        found = ada(rounded, 1.0)
    assert torch.equal(found, ada(rounded.float(), 1.0))


def test_large_pictures_of_few_bits_are_read_inside() -> None:
    images = torch.rand(48, 3, 192, 192).mul(2).sub(1).bfloat16()
    assert float(ada(images, 0.3).abs().max()) < 20


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
