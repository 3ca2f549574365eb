"""How much memory a training step takes: every tensor is counted while it lives."""

import time
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from memegan.dataset import Images
from memegan.rng import Numbers
from memegan.training.checkpoint import Whole
from memegan.training.ema import averages_of
from memegan.variants.base import Plan, VariantSpec

_MOST_SIZES = 8  # 128 images at most
_SURE_SHARE = 0.75
_BENT = 1.02  # a slope that grows by less has not bent


class Peak(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own __init_subclass__
    """Within the block, counts the bytes of all tensors that are alive, and the most there were.

    It sees what each operation returns, also in the backward pass. What an operation takes for
    itself while it runs, such as cuDNN's workspaces, it cannot see.
    """

    def __init__(self, before: Iterable[Tensor] = ()) -> None:
        """Begin with the tensors that are there."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = self.most = 0
        self._held: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        for tensor in before:
            self._see(tensor)

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - an operation
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._see(leaf)
        return out

    def _see(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = id(storage), storage.nbytes()
        if key in self._held:
            return

        def gone(_: object) -> None:
            self._held.pop(key, None)
            self.bytes -= size

        self._held[key] = weakref.ref(storage, gone)
        self.bytes += size
        self.most = max(self.most, self.bytes)


@dataclass(frozen=True)
class Need:
    """What a run takes: a straight line over the images of a batch.

    Attributes:
        fixed_bytes: weights, averages and optimizers, and what else does not grow.
        image_bytes: of each image of the batch more.
        step_s: of `least_batch`, on this machine's processor.
        least_batch: the smallest that can be.
    """

    fixed_bytes: float
    image_bytes: float
    step_s: float
    least_batch: int

    def at(self, batch_size: int) -> float:
        """Return the bytes of a step with so many images."""
        return self.fixed_bytes + batch_size * self.image_bytes

    def most_images(self, room_bytes: float) -> int:
        """Return the largest batch that fits; 0 where not even `least_batch` does."""
        if self.at(self.least_batch) > room_bytes:
            return 0
        return int((room_bytes - self.fixed_bytes) / max(self.image_bytes, 1))


def measured(spec: VariantSpec[Any], run: Plan) -> Need:
    """Take steps of one image, two, four and so on, until the line through the last two is sure.

    With few images the peak may lie where optimizers move, not where activations are held. The
    line is sure where another doubling does not bend it, or where what is held for images is most
    of it all. Where one image is too few, as for batch norm over single pixels, it begins at two.
    """
    sizes, found = [1], list[int]()
    try:
        most, step_s = step_bytes(spec, run, 1)
    except ValueError:
        sizes = [2]
        most, step_s = step_bytes(spec, run, 2)
    found.append(most)
    slopes = list[float]()
    while len(sizes) < _MOST_SIZES:
        sizes.append(2 * sizes[-1])
        found.append(step_bytes(spec, run, sizes[-1])[0])
        slopes.append((found[-1] - found[-2]) / (sizes[-1] - sizes[-2]))
        is_most = slopes[-1] * sizes[-1] > _SURE_SHARE * found[-1]
        if is_most or (len(slopes) > 1 and slopes[-1] < _BENT * slopes[-2]):
            break
    return Need(found[-1] - sizes[-1] * slopes[-1], slopes[-1], step_s, sizes[0])


def step_bytes(spec: VariantSpec[Any], run: Plan, batch_size: int) -> tuple[int, float]:
    """Take one training step as the loop does, on noise; return its peak in bytes, and seconds.

    The optimizers' states are made before, by a step on zeros, for they are there from the second
    step on.
    """
    run = run.model_copy(update={"batch_size": batch_size})
    side = run.load_px or run.crop_px
    draws = torch.Generator().manual_seed(0)
    pixels = {
        name: torch.randint(0, 256, (batch_size, 3, side, side), generator=draws).byte()
        for name in dict(run.data)
    }
    labels = {name: torch.zeros(batch_size, dtype=torch.int64) for name in pixels}
    variant = spec.make(run)
    whole = Whole(variant, averages_of(variant.nets()), variant.optimizers())
    before = [*variant.state_dict().values()]
    before += [value for net in whole.averages.values() for value in net.state_dict().values()]
    with Peak(before) as peak:
        for optimizer in whole.optimizers.values():
            for group in optimizer.param_groups:
                for weight in group["params"]:
                    weight.grad = torch.zeros_like(weight)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        images = Images(pixels, labels if run.label else {})
        peak.most = peak.bytes
        start = time.perf_counter()
        batch = images.batch(0, batch_size, run.seed, run.crop_px, run.flip)
        with run.rounding("cpu"):
            variant.step(batch, whole.optimizers, Numbers(run.seed, 0))
        seconds = time.perf_counter() - start
    return peak.most, seconds
