"""How much of a grid of single pixels images have, against real ones."""

import torch
from torch import Tensor


def grid_energy(images: Tensor) -> Tensor:
    """Return the share of each image's energy in the highest frequencies, (N,).

    The frequencies are those of periods 2 and 4 along the axes, where transposed convolutions
    with stride 2 leave their mark (Odena et al. 2016); the constant is left out.

    Args:
        images: (N, 3, H, W), H and W divisible by 4.
    """
    gray = images.double().mean(1)
    spectrum = torch.fft.fft2(gray - gray.mean((1, 2), keepdim=True)).abs().square()
    height, width = spectrum.shape[1:]
    total = spectrum.sum((1, 2))
    rows, columns = ([n // 4, n // 2, n - n // 4] for n in (height, width))  # with the negative
    marked = torch.stack(
        [
            *(spectrum[:, y, 0] for y in rows),
            *(spectrum[:, 0, x] for x in columns),
            *(spectrum[:, y, x] for y in rows for x in columns),
        ]
    ).sum(0)
    share: Tensor = marked / total.clamp_min(1e-9)
    return share.float()
