"""CUT and FastCUT: patches are compared as the paper says, and nothing is encoded twice."""

import copy
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from tests.training.trainer import COMMON, Params, data_of
from tests.variants.resuming import check_resume
from torch import Tensor
from torch.nn import functional

from memegan.dataset import Batch
from memegan.networks.blocks import count_parameters
from memegan.rng import Numbers
from memegan.variants.cut import CUT, VARIANT, CUTRun

SMALL: Params = {
    **{**COMMON, "variant": "cut", "data": {"a": "photo", "b": "cartoon"}, "crop_px": 24},
    **{"network": {"width": 4, "blocks": 2}, "discriminator_width": 4},
    **{"patches": 9, "head_size": 8},
}
FAST: Params = {**SMALL, "recipe": "fastcut"}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def cut(values: Params) -> tuple[CUT, CUTRun, Batch]:
    run = CUTRun.model_validate(values)
    variant = VARIANT.make(run)
    assert isinstance(variant, CUT)
    batch = data_of(run).train.batch(0, 2, run.seed, run.crop_px, run.flip)
    doubles = Batch({name: x.double() for name, x in batch.images.items()})
    return variant.double(), run, doubles


def is_mirrored(seed: int, seen: int) -> bool:
    return bool(Numbers(seed, seen).uniform("mirror", 1) < 0.5)


def features(v: CUT, x: Tensor) -> list[Tensor]:
    """The five scales by going through the layers one by one, as the paper lists them."""
    layers = list(v.generator_ab.body.children())
    found = [x]
    for layer in layers[:12]:
        x = layer(x)
        if layer in (layers[4], layers[7], layers[10], layers[11]):
            found.append(x.clone())
    return found


def plain_nce(v: CUT, run: CUTRun, source: Tensor, out: Tensor, places: list[Tensor]) -> Tensor:
    """Park et al. 2020, eq. 3 and 4, patch by patch."""
    total = []
    keys, queries = features(v, source), features(v, out)
    for head, key, query, at in zip(v.heads.heads, keys, queries, places, strict=True):
        each = []
        for n in range(len(source)):
            k = functional.normalize(head(key[n].flatten(1)[:, at].T), dim=1).detach()
            q = functional.normalize(head(query[n].flatten(1)[:, at].T), dim=1)
            for s in range(len(at)):
                alike = torch.exp(k @ q[s] / run.temperature)
                each.append(-torch.log(alike[s] / alike.sum()))
        total.append(torch.stack(each).mean())
    return torch.stack(total).mean()


def plain_step(v: CUT, run: CUTRun, batch: Batch, seen: int, mirrored: bool) -> None:
    """Park et al. 2020, eq. 1 and 5, with every pass made by itself."""
    a, b = batch.images["a"], batch.images["b"]
    both = [*v.generator_ab.parameters(), *v.heads.parameters()]
    adam_g = torch.optim.Adam(both, run.learning_rate, (0.5, 0.999))
    adam_d = torch.optim.Adam(v.discriminator_b.parameters(), run.learning_rate, (0.5, 0.999))
    g, d = v.generator_ab, v.discriminator_b
    fake = g(a.flip(3)) if mirrored else g(a)
    judged = ((d(fake.detach()) ** 2).mean() + ((d(b) - 1) ** 2).mean()) / 2
    torch.autograd.backward(judged)
    adam_d.step()
    shapes = [x.shape[2] * x.shape[3] for x in features(v, a)]
    numbers = Numbers(run.seed, seen)
    places = [
        numbers.uniform(f"places/{n}", count).argsort(stable=True)[: run.patches]
        for n, count in enumerate(shapes)
    ]
    loss = ((d(fake) - 1) ** 2).mean()
    if mirrored:  # features are mirrored back, not the picture: a 4x4 stride is not symmetric
        assert run.recipe == "fastcut"
        total = []
        keys, queries = features(v, a), [x.flip(3) for x in features(v, fake)]
        for head, key, query, at in zip(v.heads.heads, keys, queries, places, strict=True):
            k = functional.normalize(head(key.flatten(2)[:, :, at].mT), dim=2).detach()
            q = functional.normalize(head(query.flatten(2)[:, :, at].mT), dim=2)
            alike = torch.exp((q[:, :, None] * k[:, None]).sum(3) / run.temperature)
            total.append(-torch.log(alike.diagonal(dim1=1, dim2=2) / alike.sum(2)).mean())
        nce = torch.stack(total).mean()
    else:
        nce = plain_nce(v, run, a, fake, places)
    if run.recipe == "cut":
        nce = 0.5 * (nce + plain_nce(v, run, b, g(b), places))
    adam_g.zero_grad()
    torch.autograd.backward(loss + run.nce_weight * nce)
    adam_g.step()


@pytest.mark.parametrize(
    ("values", "mirrored"),
    [(SMALL, False), (FAST, False), (FAST, True), ({**SMALL, "lambda_nce": 3.0}, False)],
    ids=["cut", "fastcut", "fastcut mirrored", "other weight"],
)
def test_a_step_is_the_papers(values: Params, mirrored: bool) -> None:
    ours, run, batch = cut(values)
    plain, _, _ = cut(values)
    seen = next(n for n in range(0, 99, 2) if is_mirrored(run.seed, n) == mirrored)
    begun = {name: p.detach().clone() for name, p in ours.named_parameters()}
    losses = ours.step(batch, ours.optimizers(), Numbers(run.seed, seen))
    plain_step(plain, run, batch, seen, mirrored)
    for (name, p), q in zip(ours.named_parameters(), plain.parameters(), strict=True):
        if not name.endswith("bias"):  # before a norm a bias has no gradient but for rounding
            assert float((p.detach() - q.detach()).abs().max()) < 1e-6, name
            assert not torch.equal(p, begun[name]), name
    assert ("nce_identity" in losses) == (run.recipe == "cut")
    assert all(p.requires_grad for p in ours.parameters())


@pytest.mark.parametrize(
    ("values", "mirrored", "pictures"),
    [(SMALL, False, 8), (FAST, False, 4), (FAST, True, 6)],
    ids=["cut", "fastcut", "fastcut mirrored"],
)
def test_no_picture_is_encoded_twice(values: Params, mirrored: bool, pictures: int) -> None:
    """Two sources a domain and what is made of them; mirrored sources once more, as they were."""
    ours, run, batch = cut(values)
    seen = next(n for n in range(0, 99, 2) if is_mirrored(run.seed, n) == mirrored)
    counts: list[int] = []
    first = list(ours.generator_ab.body.children())[1]
    first.register_forward_hook(lambda _, given, out: counts.append(len(given[0])))
    ours.step(batch, ours.optimizers(), Numbers(run.seed, seen))
    assert sum(counts) == pictures


def test_features_come_with_the_picture_as_they_come_alone() -> None:
    net, image = cut(SMALL)[0].generator_ab, torch.rand(2, 3, 26, 21).double()
    out, seen = net.translate(image)
    assert torch.equal(out, net(image))
    assert out.shape == image.shape
    alone = net.encode(image)
    assert all(torch.equal(x, y) for x, y in zip(seen, alone, strict=True))
    sides = [(28, 24), (14, 12), (7, 6), (7, 6), (7, 6)]
    wanted = [(2, c, *side) for c, side in zip(net.channels, sides, strict=True)]
    assert [tuple(x.shape) for x in seen] == wanted


def test_the_fifth_block_is_the_last_scale_where_there_are_as_many() -> None:
    net = cut({**SMALL, "network": {"width": 4, "blocks": 9}})[0].generator_ab
    assert net.taps == (4, 7, 10, 14)  # convolutions at 4 and 7, blocks 1 to 9 at 10 to 18
    blocks = [type(layer).__name__ for layer in net.body.children()]
    assert blocks.index("ResidualBlock") == 10


def test_the_defaults_are_the_papers() -> None:
    values = {key: SMALL[key] for key in ("variant", "section", "data", "seed", "threads")}
    plan = {**values, "total_images": 1, "batch_size": 1, "crop_px": 256, "load_px": None}
    run = CUTRun.model_validate(plan)
    v = CUT(run)
    assert count_parameters(v.generator_ab) == 11_378_179
    assert count_parameters(v.discriminator_b) == 2_764_737
    two_layers = sum(c * 256 + 256 + 256 * 256 + 256 for c in (3, 128, 256, 256, 256))
    assert count_parameters(v.heads) == two_layers == 560_384
    assert (run.patches, run.temperature, run.learning_rate) == (256, 0.07, 2e-4)
    weights = [CUTRun.model_validate({**plan, "recipe": r}).nce_weight for r in ("cut", "fastcut")]
    assert weights == [1, 10]


def test_patches_are_never_the_same_place_twice_and_as_many_as_there_are() -> None:
    ours, run, batch = cut({**SMALL, "patches": 256})
    seen = ours.generator_ab.encode(batch.images["a"])
    places = ours._places(seen, Numbers(run.seed, 0))
    assert [len(at) for at in places] == [256, 144, 36, 36, 36]
    assert all(len(set(at.tolist())) == len(at) for at in places)
    assert places[3].tolist() != places[4].tolist()


@pytest.mark.parametrize("norm", ["instance", "none"])
@pytest.mark.parametrize("recipe", ["cut", "fastcut"])
def test_stopped_and_resumed_it_ends_with_the_same_bits(
    recipe: str, norm: str, tmp_path: Path
) -> None:
    network = {"width": 4, "blocks": 2, "norm": norm}
    check_resume({**SMALL, "recipe": recipe, "network": network, "total_images": 12}, tmp_path)


def test_what_is_shown_is_one_way() -> None:
    ours, run, batch = cut(SMALL)
    net, shown = ours.generator_ab, ours.show(ours.nets(), batch, Numbers(run.seed, 0))
    assert torch.equal(shown["fake_b"], net(batch.images["a"]))
    assert torch.equal(shown["identity_b"], net(batch.images["b"]))
    assert not any(picture.requires_grad for picture in shown.values())


@pytest.mark.parametrize(
    "wrong", [{"recipe": "slowcut"}, {"network": {"norm": "layer"}}, {"network": {"blocks": 1}}]
)
def test_what_cannot_be_is_refused(wrong: Params) -> None:
    with pytest.raises(ValidationError):
        CUTRun.model_validate({**SMALL, **wrong})


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_what_becomes_of_a_picture_of_a_does_not_depend_on_those_of_b(norm: str) -> None:
    network = {"width": 4, "blocks": 2, "norm": norm}
    found = []
    for share in (1.0, 0.2):
        v, run, batch = cut({**SMALL, "network": network})
        batch.images["b"] *= share
        losses = v.step(batch, v.optimizers(), Numbers(run.seed, 0))
        found.append({name: float(losses[name].detach()) for name in ("nce", "nce_identity")})
    assert found[0]["nce"] == pytest.approx(found[1]["nce"], abs=1e-9)
    assert found[0]["nce_identity"] != pytest.approx(found[1]["nce_identity"], abs=1e-9)


@pytest.mark.parametrize("recipe", ["cut", "fastcut"])
def test_statistics_are_of_the_pictures_that_are_translated(recipe: str) -> None:
    network = {"width": 4, "blocks": 2, "norm": "batch"}
    v, run, batch = cut({**SMALL, "recipe": recipe, "network": network})
    seen = next(n for n in range(9) if not is_mirrored(run.seed, n))
    plain = copy.deepcopy(v.generator_ab)
    v.step(batch, v.optimizers(), Numbers(run.seed, seen))
    plain(batch.images["a"])
    wanted = dict(plain.named_buffers())
    assert any("running_var" in key for key in wanted)
    assert all(torch.equal(x, wanted[key]) for key, x in v.generator_ab.named_buffers())
