"""VGG16 as published, the generator on top of it, and weights that are checked before use."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import VGG, vgg16, vgg16_bn

from memegan.networks.blocks import Norm, count_parameters
from memegan.networks.vgg16 import VGG16Encoder, VGG16Generator, read_vgg16, vgg16_generator

# What the Monet project trains, which is the sum of its layers with a last convolution of 2x2; ours
# is 3x3, 3 * 8 * (9 - 4) more. Its skip at full resolution is dead: 64 * 16 * 3 * 3 more.
DEAD_SKIP = 4_427_931
LIVE_SKIP = DEAD_SKIP + 3 * 8 * (9 - 4) + 64 * 16 * 9


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def test_parameter_counts_are_the_papers() -> None:
    with torch.device("meta"):
        net = vgg16_generator(64, "batch", frozen=True)
    weights = list(net.parameters())
    assert sum(w.numel() for w in weights if not w.requires_grad) == 14_714_688
    assert sum(w.numel() for w in weights if w.requires_grad) == LIVE_SKIP == 4_437_267


def test_without_frozen_weights_the_encoder_learns_too() -> None:
    assert all(w.requires_grad for w in vgg16_generator(8).parameters())


def test_an_encoder_that_learns_from_nothing_has_norms_and_a_frozen_one_none() -> None:
    learns, frozen = (
        vgg16_generator(8, "batch", frozen=is_frozen).get_submodule("body.encoder")
        for is_frozen in (False, True)
    )
    assert count_parameters(learns) - count_parameters(frozen) == 2 * 8 * (2 + 4 + 12 + 24 + 24)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in frozen.modules())


@pytest.mark.parametrize(
    ("model", "norm", "ends"),
    [(vgg16, "none", (4, 9, 16, 23, 30)), (vgg16_bn, "batch", (6, 13, 23, 33, 43))],
    ids=["vgg16", "vgg16_bn"],
)
def test_the_encoder_is_torchvisions_on_imagenet_pixels(
    model: Callable[..., VGG], norm: Norm, ends: tuple[int, ...]
) -> None:
    with torch.device("meta"):
        theirs = model(weights=None).features
    ours = VGG16Encoder(norm=norm).eval()
    theirs = theirs.to_empty(device="cpu").eval()
    theirs.load_state_dict(ours.features.state_dict())
    image = torch.rand(1, 3, 32, 48)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = (image - mean[:, None, None]) / deviation[:, None, None]
    with torch.no_grad():
        found = ours(image * 2 - 1)
        for scale, end in zip(found, ends, strict=True):
            wanted = theirs[:end](pixels)
            assert float((scale - wanted).abs().max()) < 1e-4 * float(wanted.abs().max())
    shapes = [(64, 32, 48), (128, 16, 24), (256, 8, 12), (512, 4, 6), (512, 2, 3)]
    assert [tuple(scale.shape[1:]) for scale in found] == shapes


def test_untrained_activations_neither_vanish_nor_explode() -> None:
    found = VGG16Encoder(16)(torch.rand(2, 3, 64, 64) * 2 - 1)
    assert all(0.05 < float(scale.detach().std()) < 20 for scale in found)


@pytest.mark.parametrize("scale", range(5))
def test_every_skip_is_used_the_one_at_full_resolution_too(scale: int) -> None:
    net = VGG16Generator(8)
    found: list[Tensor] = []

    def only_one(_: nn.Module, given: object, scales: list[Tensor]) -> list[Tensor]:
        found.extend(s.detach().requires_grad_(n == scale) for n, s in enumerate(scales))
        return found

    net.encoder.register_forward_hook(only_one)
    net(torch.rand(1, 3, 32, 32)).square().sum().backward()
    gradient = found[scale].grad
    assert gradient is not None
    assert bool(gradient.any())


def test_gradients_pass_a_frozen_encoder_to_its_input() -> None:
    net, image = vgg16_generator(8, frozen=True), torch.rand(1, 3, 32, 32, requires_grad=True)
    net(image).square().sum().backward()
    assert image.grad is not None
    assert bool(image.grad.any())
    assert all(w.grad is None for w in net.get_submodule("body.encoder").parameters())
    assert count_parameters(net.get_submodule("body.encoder")) > 0


# Weights -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same weights as torchvision's file, dense layers among them, and as safetensors."""
    folder = tmp_path_factory.mktemp("weights")
    tensors = {f"features.{k}": v for k, v in VGG16Encoder().features.state_dict().items()}
    torch.save({**tensors, "classifier.0.bias": torch.ones(3)}, folder / "vgg16.pth")
    save_file(tensors, folder / "vgg16.safetensors")
    return {path.suffix: path for path in folder.iterdir()}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_both_kinds_of_file_give_the_same_weights(published: dict[str, Path]) -> None:
    files = (published[".pth"], published[".safetensors"])
    first, second = (read_vgg16(path, sha256(path)) for path in files)
    assert first.keys() == second.keys() == VGG16Encoder(8).features.state_dict().keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    VGG16Encoder().features.load_state_dict(first)


def test_reading_weights_draws_no_random_number(published: dict[str, Path]) -> None:
    before = torch.random.get_rng_state()
    read_vgg16(published[".safetensors"], sha256(published[".safetensors"]))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_another_file_is_refused_by_its_digest(published: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match=f"sha256 {sha256(published['.pth'])}, not {'0' * 64}"):
        read_vgg16(published[".pth"], "0" * 64)


class Evil:
    """What a pickle may do."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('run by the file')",)


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("missing.pth", None, "the weights cannot be read: No such file"),
        ("text.safetensors", lambda p: p.write_text("no"), "these are no weights"),
        ("text.pth", lambda p: p.write_text("no"), "these are no weights"),
        ("empty.pth", lambda p: p.write_bytes(b""), "these are no weights"),
        ("evil.pth", lambda p: p.write_bytes(pickle.dumps(Evil(), 2)), "these are no weights"),
        ("list.pth", lambda p: torch.save([1], p), "not a state dict"),
        ("few.pth", lambda p: torch.save({}, p), "features.0.weight is missing, not"),
        (
            "other.safetensors",
            lambda p: save_file({"features.0.weight": torch.ones(8, 3, 3, 3)}, p),
            r"features.0.weight is \(8, 3, 3, 3\), not \(64, 3, 3, 3\)",
        ),
    ],
)
def test_what_is_no_vgg16_is_one_plain_message(
    name: str, write: object, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if callable(write):
        write(path)
    digest = sha256(path) if path.exists() else "0" * 64
    with pytest.raises(ValueError, match=message) as error:
        read_vgg16(path, digest)
    assert "\n" not in str(error.value)
