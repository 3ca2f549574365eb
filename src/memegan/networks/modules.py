"""What torch has no layer for: style, attention, noise, statistics of a batch, a learned grid."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Step(nn.Module):
    """One line of a network's text: its layer, then normalisation and activation."""

    def __init__(self, core: nn.Module, after: list[nn.Module]) -> None:
        super().__init__()
        self.core = core
        self.after = nn.Sequential(*after)

    def forward(self, x: Tensor, *more: Tensor) -> Tensor:
        """Map what the line reads, and what it refers to, to what it gives."""
        out: Tensor = self.after(self.core(x, *more))
        return out


class Reshape(nn.Module):
    """The same numbers in another shape, an image at a time."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, ...) to (N, *shape)."""
        return x.reshape(len(x), *self.shape)


class PixelNorm(nn.Module):
    """Each pixel's channels to mean square 1 (Karras et al. 2018, section 4.2)."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, ...) to the same shape."""
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class AdaIN(nn.Module):
    """Instance norm whose scale and shift a style decides (Huang and Belongie 2017, eq. 8)."""

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.affine = nn.Linear(style, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (N, C, H, W) and (N, S) to (N, C, H, W); scales begin near 1."""
        scale, shift = self.affine(style)[:, :, None, None].chunk(2, 1)
        out: Tensor = functional.instance_norm(x, eps=1e-5) * (1 + scale) + shift
        return out


class Attention(nn.Module):
    """Each pixel reads all others, by a gate that begins closed (Zhang et al. 2019, section 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 8)
        self.query = nn.Conv2d(channels, inner, 1, bias=False)
        self.key = nn.Conv2d(channels, inner, 1, bias=False)
        self.value = nn.Conv2d(channels, channels, 1, bias=False)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape; keys and values lie at half the size."""
        small = functional.max_pool2d(x, 2) if min(x.shape[2:]) > 1 else x
        query, key, value = self.query(x).flatten(2), self.key(small), self.value(small)
        weights = torch.softmax(query.mT @ key.flatten(2), -1)  # (N, HW, HW/4)
        read = (weights @ value.flatten(2).mT).mT.reshape(x.shape)
        out: Tensor = x + self.gate * read
        return out


class Blur(nn.Module):
    """Smooth by (1, 2, 1) / 4 each way, edges reflected (Zhang 2019, section 3.1)."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([0.25, 0.5, 0.25])
        kernel = (line[:, None] * line).expand(channels, 1, 3, 3).clone()
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        mode = "reflect" if min(x.shape[2:]) > 1 else "replicate"
        padded = functional.pad(x, (1, 1, 1, 1), mode=mode)
        out: Tensor = functional.conv2d(padded, self.kernel, groups=x.shape[1])
        return out


class MinibatchStddev(nn.Module):
    """Add a channel that says how much the pictures of a batch differ (Karras 2018, section 3)."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C + 1, H, W)."""
        spread = (x.var(0, correction=0) + 1e-8).sqrt().mean()
        return torch.cat([x, spread.expand(len(x), 1, *x.shape[2:])], 1)


class Noise(nn.Module):
    """Add noise by a learned strength that begins at 0 (Karras et al. 2019, section 3.2).

    Every step draws new noise; in use (`eval`) it is always the same.
    """

    still: Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("still", torch.randn(1, 1, height, width))
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        drawn = torch.randn_like(x[:, :1]) if self.training else self.still
        return x + self.strength * drawn


class Basis(nn.Module):
    """A learned grid of maps, each weighed by the latent (Huang et al. 2024, section 4)."""

    def __init__(self, inner: int, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.grid = nn.Parameter(torch.randn(channels, height, width))
        self.weigh = nn.Linear(inner, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inner) to (N, channels, height, width)."""
        out: Tensor = self.grid * self.weigh(x)[:, :, None, None]
        return out


class Excite(nn.Module):
    """Large maps weighed by small ones, channel by channel (Liu et al. 2021, eq. 1)."""

    def __init__(self, channels: int, small: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            nn.Conv2d(small, channels, 4, bias=False),
            nn.LeakyReLU(0.1),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor, small: Tensor) -> Tensor:
        """Map (N, C, H, W) and (N, c, h, w) to (N, C, H, W)."""
        out: Tensor = x * self.gate(small)
        return out


class Shortcut(nn.Module):
    """What a residual block adds to: the way in, at the way out's size and channels."""

    def __init__(self, inner: int, outer: int, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.match = nn.Identity() if inner == outer else nn.Conv2d(inner, outer, 1, bias=False)

    def forward(self, x: Tensor, start: Tensor) -> Tensor:
        """Map (N, outer, H, W) and (N, inner, h, w) to their sum, (N, outer, H, W)."""
        if self.factor > 1:
            start = functional.interpolate(self.match(start), x.shape[2:], mode="nearest")
            return x + start
        if self.factor < 1:
            start = functional.adaptive_avg_pool2d(start, (x.shape[2], x.shape[3]))
        out: Tensor = x + self.match(start)
        return out


class Latent(nn.Module):
    """The noise, and beside it a vector learned for the class (Mirza and Osindero 2014)."""

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, size)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Map (N, z) and (N,) int64 to (N, z + size)."""
        # no plain lookup: its gradient adds up repeated rows in an order that may change
        one_hot = functional.one_hot(label, self.embedding.num_embeddings).to(z)
        return torch.cat([z, one_hot @ self.embedding.weight], 1)


class Projection(nn.Module):
    """Logits, plus how well the features fit the class (Miyato and Koyama 2018, eq. 4)."""

    def __init__(self, inner: int, logits: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inner, logits)
        self.embedding = nn.Embedding(classes, inner)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Map (N, ...) and (N,) int64 to (N, logits)."""
        flat = x.flatten(1)
        one_hot = functional.one_hot(label, self.embedding.num_embeddings).to(flat)
        fit = (flat * (one_hot @ self.embedding.weight)).sum(1, keepdim=True)
        out: Tensor = self.linear(flat) + fit
        return out


class Concat(nn.Module):
    """Channels of two maps, or numbers of two vectors, beside each other."""

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Map (N, C, ...) and (N, c, ...) to (N, C + c, ...)."""
        return torch.cat([x, other], 1)


class Add(nn.Module):
    """The sum of two outputs of one shape."""

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Map two tensors to their sum."""
        return x + other


class Crop(nn.Module):
    """The upper left part: what a doubling gives too much where a size is odd."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, height, width)."""
        return x[:, :, : self.height, : self.width]
