"""PixelCNN++: the paper's size, order and likelihood; samples by pixels are those by passes."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from memegan.networks.blocks import count_parameters
from memegan.networks.causal import CausalConv, concat_elu
from memegan.networks.mixtures import Mixture, Noise, bits_per_dim, draw, levels
from memegan.networks.pixelcnn import PixelCNN, Shape
from memegan.networks.pixelcnn_sample import few_threads, numbers_of, sample


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def pictures(count: int, height: int, width: int, seed: int = 1) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, height, width), generator=draws) / 127.5 - 1


def net_of(shape: Shape, images: Tensor, labels: Tensor | None = None) -> PixelCNN:
    """A net whose weights all matter: initialised by data, then every number moved a little."""
    torch.manual_seed(0)
    net = PixelCNN(shape).to(images.dtype)
    net.initialise(images, labels)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.05)
    return net.eval().requires_grad_(False)


def jacobian_of(function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    found: Tensor = torch.autograd.functional.jacobian(function, images, vectorize=True)  # type: ignore[no-untyped-call]  # torch has none
    return found


# The network -------------------------------------------------------------------------------------


def test_the_paper_size_has_the_papers_53_7_million_parameters() -> None:
    count = count_parameters(PixelCNN(Shape()))
    assert count == 53_659_080
    assert count == pytest.approx(53.7e6, rel=0.01)


def test_the_count_follows_from_the_layers_one_by_one() -> None:
    """Kernel times channels, and a length and a bias for each output channel."""

    def layer(cells: int, inner: int, outer: int) -> int:
        return cells * inner * outer + 2 * outer

    def block(cells: int, beside: int, f: int = 160) -> int:
        side = layer(1, 2 * beside, f) if beside else 0
        return layer(cells, 2 * f, f) + side + layer(cells, 2 * f, 2 * f)

    there, back = 3 * 5, 5 + 6 + 6
    blocks = there * (block(6, 0) + block(4, 160)) + back * (block(6, 160) + block(4, 320))
    ways = 2 * 2 * (layer(6, 160, 160) + layer(4, 160, 160))
    ends = sum(layer(cells, 4, 160) for cells in (6, 3, 2)) + layer(1, 160, 100)
    assert blocks + ways + ends == 53_659_080


@pytest.mark.parametrize("classes", [0, 2])
def test_each_channel_of_each_pixel_knows_those_before_it_and_no_other(classes: int) -> None:
    """The Jacobian of all means by all values, in the order row, column, red-green-blue.

    Nothing on or above the diagonal, and nothing missing below it: there is no blind spot.
    """
    images = pictures(1, 8, 8).double()
    labels = torch.ones(1, dtype=torch.int64)
    net = net_of(Shape(4, 2, 1, 0.0, classes), images.expand(2, -1, -1, -1), labels.expand(2))

    def means(values: Tensor) -> Tensor:
        pixels = values.permute(0, 2, 3, 1)
        mixture = Mixture.of(net(values, labels).permute(0, 2, 3, 1))
        return mixture.coupled_means(pixels)[..., 0].flatten()

    jacobian = jacobian_of(means, images)
    known = jacobian.permute(0, 3, 4, 2, 1).flatten(1) != 0  # rows and columns in the same order
    assert known.shape == (192, 192)
    assert torch.equal(known, torch.ones(192, 192).tril(-1).bool())


@pytest.mark.parametrize("value", range(10))
def test_no_raw_number_of_a_pixel_knows_the_pixel_itself(value: int) -> None:
    images = pictures(1, 4, 8).double()
    net = net_of(Shape(4, 2, 1, 0.0), images.expand(2, -1, -1, -1))
    jacobian = jacobian_of(lambda x: net(x)[0, value].flatten(), images)
    known = jacobian.abs().sum((1, 2)).flatten(1) != 0
    assert torch.equal(known, torch.ones(32, 32).tril(-1).bool())


def test_every_weight_matters() -> None:
    images, labels = pictures(4, 8, 8), torch.tensor([0, 1, 1, 0])
    net = net_of(Shape(4, 2, 3, 0.5, 2), images, labels).train().requires_grad_(True)
    torch.autograd.backward(-net.log_likelihood(images, labels).mean())
    assert [k for k, w in net.named_parameters() if w.grad is None or not w.grad.any()] == []


def test_a_label_changes_every_pixel_and_a_net_without_classes_ignores_it() -> None:
    images, labels = pictures(2, 4, 4), torch.tensor([0, 1])
    net = net_of(Shape(4, 1, 2, 0.0, 2), images, labels)
    assert bool((net(images, labels) != net(images, labels.flip(0))).all(1).all())
    plain = net_of(Shape(4, 1, 2, 0.0), images)
    assert torch.equal(plain(images, labels), plain(images))


def test_the_first_pass_gives_each_layer_mean_0_and_deviation_1() -> None:
    """Salimans and Kingma 2016, section 3; the ends of blocks begin at a tenth.

    The last layer says of each colour the mean and deviation of the batch.
    """
    images = pictures(8, 8, 8)
    net = PixelCNN(Shape(6, 1, 2, 0.5))
    net.initialise(images)
    seen: dict[str, Tensor] = {}
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(lambda _, given, out, name=name: seen.update({name: out}))
    assert net.training
    net.eval()(images)
    for name, out in seen.items():
        wanted = 0.1 if name.endswith("second.conv") or name == "head" else 1.0
        mean = out.mean((0, 2, 3))
        if name == "head":
            spread, middle = torch.std_mean(images, (0, 2, 3), correction=0)
            wide = torch.log(spread * math.sqrt(3) / math.pi)
            said = torch.cat((torch.zeros(1), middle, wide, torch.zeros(3)))
            mean = mean - said.repeat_interleave(2)
        assert mean.abs().max() < 1e-4, name
        assert torch.allclose(out.std((0, 2, 3), correction=0), torch.tensor(wanted), rtol=1e-3)
    assert len(seen) == count_layers(net)


def count_layers(net: nn.Module) -> int:
    return sum(isinstance(m, nn.Conv2d | nn.ConvTranspose2d) for m in net.modules())


def test_images_of_one_colour_do_not_blow_the_gains_up() -> None:
    net = PixelCNN(Shape(6, 1, 2, 0.5))
    net.initialise(torch.full((4, 3, 8, 8), -1.0))
    assert all(bool(torch.isfinite(w).all()) for w in net.parameters())
    assert max(float(w.detach().abs().max()) for w in net.parameters()) <= 300


def test_concat_elu_keeps_both_signs() -> None:
    x = torch.tensor([[[2.0]], [[-1.0]]])
    low = math.exp(-1) - 1
    assert concat_elu(x).flatten(1).tolist() == [
        pytest.approx([2, math.exp(-2) - 1]),
        pytest.approx([low, 1]),
    ]


def test_a_stride_of_2_keeps_to_even_pixels() -> None:
    """Output (i, j) stands at (2i, 2j): it reads nothing below or, for 2x2, on the right of it."""
    for kernel, last_column in (((2, 3), 5), ((2, 2), 4)):
        conv, image = CausalConv((1, 1), kernel, 2), torch.zeros(1, 1, 8, 8, requires_grad=True)
        torch.autograd.backward(conv(image)[0, 0, 1, 2])
        assert image.grad is not None
        rows, columns = image.grad[0, 0].nonzero().T
        assert (int(rows.min()), int(rows.max())) == (1, 2)
        assert (int(columns.min()), int(columns.max())) == (3, last_column)


# The likelihood ----------------------------------------------------------------------------------


def raw(*values: float) -> Tensor:
    return torch.tensor([values], dtype=torch.float64)


def test_the_likelihood_of_one_pixel_is_the_one_by_hand() -> None:
    """Two components, coupled; red 0 takes the left tail, blue 255 the right one."""
    weights, means = (0.3, -0.4), ((-0.9, 0.2), (0.1, -0.3), (0.8, 0.5))
    scales, couplings = (
        ((-1.0, -2.0), (-1.5, -0.5), (-1.2, -8.0)),
        ((0.3, -0.2), (0.7, 0.1), (-1.0, 0.4)),
    )
    pixel = (-1.0, 51 / 127.5 - 1, 1.0)
    table = [*weights, *sum(means, ()), *sum(scales, ()), *sum(couplings, ())]
    total = 0.0
    for k in (0, 1):
        c = [math.tanh(row[k]) for row in couplings]
        centres = (
            means[0][k],
            means[1][k] + c[0] * pixel[0],
            means[2][k] + c[1] * pixel[0] + c[2] * pixel[1],
        )
        product = math.exp(weights[k]) / sum(math.exp(w) for w in weights)
        for x, m, log_s in zip(pixel, centres, (row[k] for row in scales), strict=True):
            s = math.exp(max(log_s, -7.0))
            upper = 1.0 if x == 1 else 1 / (1 + math.exp(-(x + 1 / 255 - m) / s))
            lower = 0.0 if x == -1 else 1 / (1 + math.exp(-(x - 1 / 255 - m) / s))
            product *= upper - lower
        total += product
    found = Mixture.of(raw(*table)).log_likelihood(raw(*pixel))
    assert float(found) == pytest.approx(math.log(total), rel=1e-12)
    assert float(bits_per_dim(found[:, None, None])) == pytest.approx(
        -math.log2(total) / 3, rel=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([0, 1, 2]),
    st.floats(-2, 2),
    st.floats(-9, 4),
    st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3)),
)
def test_the_mass_of_all_levels_is_1_however_narrow_or_wide(
    channel: int, mean: float, log_scale: float, couplings: tuple[float, float, float]
) -> None:
    """Of one channel, where the others are surely 0: their means are far below all levels."""
    means, scales = [-60.0] * 3, [-7.0] * 3
    means[channel], scales[channel] = mean, log_scale
    numbers = raw(0.0, *means, *scales, *couplings).expand(256, -1)
    pixels = torch.full((256, 3), -1.0, dtype=torch.float64)
    pixels[:, channel] = torch.arange(256).double() / 127.5 - 1
    found = Mixture.of(numbers).log_likelihood(pixels)
    assert float(found.exp().sum()) == pytest.approx(1, abs=1e-9)


def mass(x: float, m: float, s: float) -> float:
    """The discretised logistic of one inner level."""
    return 1 / (1 + math.exp(-(x + 1 / 255 - m) / s)) - 1 / (1 + math.exp(-(x - 1 / 255 - m) / s))


def test_the_likelihood_and_its_slope_are_finite_far_out() -> None:
    for centre in (-40.0, 40.0):
        numbers = torch.tensor([[0.0, centre, centre, centre, -7.0, -7.0, -7.0, 0, 0, 0]])
        numbers.requires_grad_()
        for x in (-1.0, 0.0, 1.0):
            found = Mixture.of(numbers).log_likelihood(levels(torch.full((1, 3), x)))
            (slope,) = torch.autograd.grad(found.sum(), numbers)
            assert bool(torch.isfinite(found))
            assert bool(torch.isfinite(slope).all())


def test_draws_have_the_likelihoods_masses() -> None:
    """20,000 draws of red, and of green given red, against the masses: within 5 deviations."""
    numbers = raw(
        0.5, -0.5, -0.2, 0.4, 0.1, 0.0, 0, 0, -3.0, -4.0, -3.5, -3.5, -3, -3, 1.0, 1, 0, 0, 0, 0
    )
    count = 20_000
    uniform = torch.rand(count, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    drawn = draw(numbers.expand(count, -1), Noise.of(uniform))
    assert torch.equal(drawn, levels(drawn))
    mixture = Mixture.of(numbers)
    weights = mixture.log_weights.exp()[0].tolist()
    for level in range(110, 180):
        x = level / 127.5 - 1
        share = sum(
            w * mass(x, float(mixture.means[0, 0, k]), math.exp(float(mixture.log_scales[0, 0, k])))
            for k, w in enumerate(weights)
        )
        hits = int(((drawn[:, 0] - x).abs() < 1e-6).sum())
        assert abs(hits - count * share) < 5 * math.sqrt(count * share * (1 - share)) + 1
    centred = drawn - drawn.mean(0)
    assert float((centred[:, 0] * centred[:, 1]).mean() / centred[:, 0].square().mean()) > 0.6


def test_levels_are_those_of_the_data() -> None:
    all_levels = torch.arange(256).float() / 127.5 - 1
    assert torch.equal(levels(all_levels), all_levels)
    assert torch.equal(levels(all_levels + 0.0038), all_levels)
    assert levels(torch.tensor([-9.0, 9.0])).tolist() == [-1, 1]


# Samples -----------------------------------------------------------------------------------------

SHAPES = [Shape(8, 1, 2, 0.5), Shape(6, 2, 3, 0.5, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=["plain", "classes"])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (4, 12), (16, 8)])
def test_pixel_by_pixel_the_numbers_are_those_of_a_pass(
    shape: Shape, height: int, width: int
) -> None:
    images, labels = pictures(3, height, width), torch.tensor([2, 0, 1])
    labels = labels if shape.classes else labels * 0
    net = net_of(shape, images, labels)
    assert float((numbers_of(net, images, labels) - net(images, labels)).abs().max()) < 1e-5
    net, images = net.double(), images.double()
    assert float((numbers_of(net, images, labels) - net(images, labels)).abs().max()) < 1e-12


def by_passes(net: PixelCNN, uniform: Tensor, labels: Tensor | None = None) -> Tensor:
    """Samples the plain way: a pass over the whole picture for each pixel."""
    count, height, width, _ = uniform.shape
    images = torch.zeros(count, 3, height, width, dtype=uniform.dtype)
    for row in range(height):
        for column in range(width):
            numbers = net(images, labels)[:, :, row, column].detach()
            images[:, :, row, column] = draw(numbers, Noise.of(uniform[:, row, column]))
    return images


@pytest.mark.parametrize("shape", SHAPES, ids=["plain", "classes"])
def test_samples_are_those_made_by_passes(shape: Shape) -> None:
    labels = torch.tensor([1, 2]) if shape.classes else None
    net = net_of(shape, pictures(2, 8, 8).double(), labels)
    draws = torch.Generator().manual_seed(2)
    uniform = torch.rand(2, 8, 8, shape.mixtures + 3, generator=draws, dtype=torch.float64)
    made = sample(net, uniform, labels)
    assert torch.equal(made, by_passes(net, uniform, labels))
    assert torch.equal(made, levels(made))
    assert len(set(made.flatten().tolist())) > 50


def test_samples_of_32_px_are_those_made_by_1024_passes() -> None:
    net = net_of(Shape(4, 1, 2, 0.5), pictures(2, 32, 32).double())
    draws = torch.Generator().manual_seed(6)
    uniform = torch.rand(1, 32, 32, 5, generator=draws, dtype=torch.float64)
    made = sample(net, uniform)
    assert torch.equal(made, by_passes(net, uniform))
    assert len(set(made.flatten().tolist())) > 200


def test_with_a_million_weights_the_same_pixels_come_as_by_teacher_forcing() -> None:
    """In single precision: within 1e-5, and 99.9 % of the values the same at least."""
    images = pictures(2, 32, 32)
    net = net_of(Shape(28, 3, 10, 0.5), images)
    assert count_parameters(net) >= 1_000_000
    uniform = torch.rand(2, 32, 32, 13, generator=torch.Generator().manual_seed(3))
    made = sample(net, uniform)
    numbers = net(made).detach()
    assert float((numbers_of(net, made) - numbers).abs().max()) < 1e-5
    flat = numbers.permute(0, 2, 3, 1).flatten(0, 2)
    redrawn = draw(flat, Noise.of(uniform.double().flatten(0, 2)))
    same = (made.permute(0, 2, 3, 1).flatten(0, 2) - redrawn).abs() < 1e-6
    assert float(same.float().mean()) >= 0.999


def test_given_rows_are_kept_and_the_rest_follows_from_them() -> None:
    images = pictures(2, 8, 8)
    net = net_of(Shape(8, 1, 2, 0.5), images)
    uniform = torch.rand(2, 8, 8, 5, generator=torch.Generator().manual_seed(4))
    done = sample(net, uniform, given=images, given_rows=4)
    assert torch.equal(done[:, :, :4], images[:, :, :4])
    assert not torch.equal(done[:, :, 4:], images[:, :, 4:])
    others = sample(net, uniform, given=images.flip(0), given_rows=4)
    assert not torch.equal(done[:, :, 4:], others[:, :, 4:])
    own = sample(net, uniform)
    again = sample(net, uniform, given=own, given_rows=4)
    assert torch.equal(own, again)  # completing a sample with the same chance gives it back


def test_a_sample_does_not_depend_on_those_beside_it() -> None:
    net = net_of(Shape(8, 1, 2, 0.5), pictures(2, 8, 8).double())
    uniform = torch.rand(3, 8, 8, 5, generator=torch.Generator().manual_seed(5)).double()
    assert torch.equal(sample(net, uniform)[1:2], sample(net, uniform[1:2]))


def test_a_sample_may_be_used_like_any_tensor() -> None:
    net = net_of(Shape(8, 1, 2, 0.5), pictures(2, 8, 8))
    made = sample(net, torch.rand(1, 8, 8, 5)).requires_grad_()
    torch.autograd.backward(net(made).sum())
    assert made.grad is not None


def test_small_products_are_made_by_one_thread_and_the_others_come_back() -> None:
    cpu, before = torch.device("cpu"), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        counts = []
        for features in (64, 4096, 4097):
            with few_threads(features, cpu):
                counts.append(torch.get_num_threads())
            assert torch.get_num_threads() == 2
        assert counts == [1, 1, 2]
        with pytest.raises(ZeroDivisionError), few_threads(1, cpu):
            counts.append(1 // 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
