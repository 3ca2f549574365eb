"""Where a film stands still its translation does; where it moves nothing is smeared."""

import torch
from torch import Tensor

from memegan.inference.steady import Flicker, Steady


def noise(seed: int, *size: int) -> Tensor:
    return torch.rand(*size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def shown(share: float, pairs: list[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], float]:
    steady, flicker, out = Steady(share), Flicker(), list[Tensor]()
    for source, made in pairs:
        out.append(steady(source, made))
        flicker.see(source, out[-1])
    return out, flicker.value()


def test_still_places_flicker_less_the_larger_the_share() -> None:
    source = noise(0, 3, 32, 32)
    pairs = [(source, 0.1 * noise(n, 3, 32, 32)) for n in range(1, 13)]
    values = [shown(share, pairs)[1] for share in (0.0, 0.3, 0.6, 0.9)]
    assert values == sorted(values, reverse=True)
    assert values[2] < 0.6 * values[0]


def test_what_moves_is_left_as_it_is() -> None:
    pairs = [(noise(n, 3, 32, 32), noise(n + 50, 3, 32, 32)) for n in range(6)]
    out, flicker = shown(0.9, pairs)
    assert all(torch.allclose(o, made, atol=1e-5) for o, (_, made) in zip(out, pairs, strict=True))
    assert flicker == 0


def test_half_that_moves_does_not_touch_the_half_that_stands() -> None:
    still = noise(0, 3, 32, 32)
    pairs = []
    for n in range(1, 6):
        source = still.clone()
        source[:, :, :16] = noise(n, 3, 32, 16)
        pairs.append((source, 0.2 * noise(n + 50, 3, 32, 32)))
    out, _ = shown(0.8, pairs)
    moving = [(o - made)[:, :, :12].abs().max() for o, (_, made) in zip(out, pairs, strict=True)]
    resting = [(o - made)[:, :, 20:].abs().max() for o, (_, made) in zip(out, pairs, strict=True)]
    assert max(moving) < 1e-5
    assert min(resting[1:]) > 0.05


def test_without_a_share_every_frame_is_its_own() -> None:
    source = noise(0, 3, 16, 16)
    pairs = [(source, noise(n, 3, 16, 16)) for n in range(4)]
    out, _ = shown(0.0, pairs)
    assert all(torch.equal(o, made) for o, (_, made) in zip(out, pairs, strict=True))


def test_flicker_is_the_mean_change_in_parts_of_255() -> None:
    source, flicker = noise(0, 3, 16, 16), Flicker()
    for level in (0.0, 2 / 255, 0.0):  # one step of 255 up and down
        flicker.see(source, torch.full((3, 16, 16), level))
    assert abs(flicker.value() - 1) < 1e-4


def test_an_enlarged_film_is_steadied_by_the_small_one() -> None:
    source = noise(0, 3, 16, 16)
    pairs = [(source, 0.1 * noise(n, 3, 32, 32)) for n in range(1, 9)]
    assert shown(0.8, pairs)[1] < 0.7 * shown(0.0, pairs)[1]
