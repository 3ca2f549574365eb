"""A ResNet generator that tells what it saw on the way, and heads that compare its patches."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from memegan.networks.blocks import Padded, init_normal
from memegan.networks.translation import ResNetShape, resnet_body

_DOWN_1, _DOWN_2, _BLOCK_1 = 4, 7, 10  # places in `resnet_body`


class TappedResNet(Padded):
    """A ResNet generator whose encoder's features can be had beside its picture, or alone.

    Five scales (Park et al. 2020, appendix C.2): the pixels, both halving convolutions, the first
    residual block and the fifth, or the last where there are fewer.
    """

    def __init__(self, shape: ResNetShape) -> None:
        super().__init__(resnet_body(shape), 4)
        k = shape.width
        self.taps = (_DOWN_1, _DOWN_2, _BLOCK_1, _BLOCK_1 + min(shape.blocks, 5) - 1)
        self.channels = (3, 2 * k, 4 * k, 4 * k, 4 * k)
        init_normal(self)

    def translate(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Map (N, 3, H, W) to the same shape, and give its features."""
        out, features = self._run(x, len(self._layers()))
        return out[:, :, : x.shape[2], : x.shape[3]], features

    def encode(self, x: Tensor) -> list[Tensor]:
        """Give the features of (N, 3, H, W) without the rest of the way.

        Returns:
            (N, 3, H', W'), (N, 2k, H'/2, W'/2) and three of (N, 4k, H'/4, W'/4), where H' and W'
            are the next multiples of 4.
        """
        return self._run(x, self.taps[-1] + 1)[1]

    def _layers(self) -> list[nn.Module]:
        return list(self.body.children())

    def _run(self, x: Tensor, depth: int) -> tuple[Tensor, list[Tensor]]:
        x = self.fitted(x)
        features = [x]
        for place, layer in enumerate(self._layers()[:depth]):
            x = layer(x)
            if place in self.taps:
                features.append(x.clone())  # without a norm the next ReLU would write into it
        return x, features


class PatchHeads(nn.Module):
    """A perceptron of two layers for each scale (Park et al. 2020, section 3)."""

    def __init__(self, channels: Sequence[int], size: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(c, size), nn.ReLU(inplace=True), nn.Linear(size, size))
            for c in channels
        )
        init_normal(self)

    def forward(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Map features at given places to vectors of length 1.

        Args:
            features: (N, C, H, W) a scale.
            places: (P,) int64 a scale, each below H * W.

        Returns:
            (N, P, size) a scale.
        """
        return [
            functional.normalize(head(x.flatten(2).index_select(2, at).mT), dim=2)
            for head, x, at in zip(self.heads, features, places, strict=True)
        ]
