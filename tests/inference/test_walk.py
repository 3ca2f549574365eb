"""Walks through codes: circles, loops and directions with known answers; films twice the same."""

import io
import math
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.trainer import COMMON, made
from torch import Tensor

from memegan.cli.walk import walk
from memegan.errors import DataError, ParamsError
from memegan.inference.animate import KINDS, animate
from memegan.inference.pictures import encoded, squares
from memegan.inference.sample import samples, truncated
from memegan.inference.walk import directions, drawn, frames, latent_of, path, slerp, swing
from memegan.training.export import Model, export, load_model
from memegan.variants.base import find_variant

ABOUT = {"memegan_key": "0123456789abcdef", "images_seen": 20}
VAEGAN = {
    **{**COMMON, "variant": "vaegan", "data": {"a": "meme"}, "crop_px": 16},
    "network": {"z_size": 6, **{"encoder_width": 4, "decoder_width": 4, "discriminator_width": 4}},
}


def exported(folder: Path, kind: str) -> Model:
    if kind == "vaegan":
        spec = find_variant("vaegan")
        plan = spec.run.model_validate(VAEGAN)
        variant = spec.make(plan)
    else:
        z = {"init": "he", "z_size": 8, "generator_width": 4, "discriminator_width": 4}
        more = {"z": "uniform"} if kind == "uniform" else {}
        classes = {"label": "mood", "classes": 3} if kind == "classes" else {}
        variant, plan = made("hypergan", {"network": {**z, **more}, **classes})
    export(folder, variant.eval().nets(), plan, ABOUT)
    return load_model(folder)


# Ways --------------------------------------------------------------------------------------------


def test_the_middle_of_a_quarter_circle() -> None:
    x, y = torch.tensor([2.0, 0, 0]), torch.tensor([0, 4.0, 0])
    ends, middle = slerp(x, y, torch.tensor([0.0, 1.0])), slerp(x, y, torch.tensor([0.5]))[0]
    assert torch.allclose(ends, torch.stack([x, y]), atol=1e-6)
    assert torch.allclose(middle, 3 * torch.tensor([1.0, 1, 0]) / math.sqrt(2))  # length 2 to 4


@pytest.mark.parametrize("share", [-1.0, 1.0, 2.0])
def test_on_one_line_it_goes_straight(share: float) -> None:
    x = torch.tensor([1.0, 2.0])
    found = slerp(x, share * x, torch.tensor([0.0, 0.25, 1.0]))
    assert torch.allclose(found, x * torch.tensor([[1.0], [0.75 + 0.25 * share], [share]]))


def angles(codes: Tensor) -> Tensor:
    unit = codes.double() / codes.double().norm(dim=1, keepdim=True)
    return torch.arccos((unit * unit.roll(-1, 0)).sum(1))


def test_the_first_frame_of_a_loop_follows_the_last() -> None:
    stops = 2.0 * torch.eye(5)[:3]  # a quarter circle from each to each
    way = path(stops, 10, is_loop=True)
    assert way.shape == (30, 5)
    assert torch.allclose(angles(way), torch.full((30,), math.pi / 20, dtype=torch.double))
    assert torch.allclose(way[::10], stops, atol=1e-6)
    straight = path(stops, 10, is_loop=False)
    assert straight.shape == (21, 5)
    assert torch.equal(straight[-1], stops[-1])
    assert torch.allclose(straight, way[:21], atol=1e-6)


def test_a_swing_comes_back_evenly() -> None:
    codes, way = torch.zeros(2, 3), torch.tensor([0.0, 1.0, 0.0])
    there = swing(codes, way, 2.0, 8, is_loop=True)
    assert there.shape == (16, 2, 3)
    assert float(there[:, 0, 1].max()) == pytest.approx(2)
    assert float(there[:, 0, 1].min()) == pytest.approx(-2)
    wave = [2 * math.sin(math.pi * n / 8) for n in range(17)]
    assert there[:, 1, 1].tolist() == pytest.approx(wave[:-1], abs=1e-6)
    once = swing(codes, way, 2.0, 5, is_loop=False)
    assert once[:, 0].tolist() == [[0, x, 0] for x in (-2.0, -1.0, 0.0, 1.0, 2.0)]


def test_directions_are_the_ones_that_change_the_first_layer_most() -> None:
    draw = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(7, 7, generator=draw, dtype=torch.double))[0]
    ways = torch.linalg.qr(torch.randn(4, 4, generator=draw, dtype=torch.double))[0]
    strengths = torch.tensor([1.0, 5.0, 0.5, 3.0], dtype=torch.double)
    found = directions(turn[:, :4] @ torch.diag(strengths) @ ways.T)
    order = [1, 3, 0, 2]
    alike = (found.ways.double() * ways.T[order]).sum(1)
    assert torch.allclose(alike.abs(), torch.ones(4, dtype=torch.double), atol=1e-6)
    assert found.shares.tolist() == pytest.approx((strengths[order] ** 2 / 35.25).tolist())
    assert bool((found.ways.max(1).values >= -found.ways.min(1).values).all())


@pytest.mark.parametrize("preset", ["dcgan", "adain", "sngan", "r3gan", "fastgan"])
def test_all_layers_that_read_the_noise_are_asked(preset: str) -> None:
    """What moves the input by a null vector of the weights moves no picture."""
    more = {"label": "mood", "classes": 3} if preset == "sngan" else {}
    network = {"preset": preset, "z_size": 1100, "generator_width": 8, "discriminator_width": 8}
    network |= {"init": "he", "z": "normal", "generator_width": 4 if preset != "r3gan" else 8}
    variant, _ = made("hypergan", {"network": network, "loss": {}, "trainer": {}, **more})
    latent = variant.eval().latent(variant.nets())
    assert latent is not None
    assert latent.weights is not None
    every = torch.randn(3, 1100, generator=torch.Generator().manual_seed(0))
    codes, way = every[:2], every[2:]
    assert len(latent.weights) < 1100
    basis = torch.linalg.qr(latent.weights.double().T)[0]
    inside = (way.double() @ basis @ basis.T).float()
    labels = torch.tensor([0, 1]) if more else None
    with torch.no_grad():
        first = latent.decode(codes, labels)
        null = latent.decode(codes + way - inside, labels)
        strong = latent.decode(codes + inside, labels)
    assert torch.allclose(first, null, atol=1e-4)
    assert float((first - strong).abs().max()) > 0.01


# Models ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["normal", "uniform", "vaegan"])
def test_the_codes_are_those_of_the_samples(tmp_path: Path, kind: str) -> None:
    model = exported(tmp_path / "model", kind)
    latent = latent_of(model, "cpu")
    codes = drawn(latent, 5, [18, 0, 3], "cpu")
    known = list(samples(model, 19, 5))
    for made_, number in zip(frames(latent, codes, 0), (18, 0, 3), strict=True):
        assert torch.allclose(made_, known[number], atol=1e-4)
    many = torch.cat([drawn(latent, seed, range(160), "cpu") for seed in range(20)])
    assert float(many.mean()) == pytest.approx(0, abs=0.03)
    assert float(many.std()) == pytest.approx(1, abs=0.03)


def test_truncated_noise_is_a_normal_cut_off() -> None:
    draw = torch.Generator().manual_seed(0)
    codes = torch.randn(100_000, generator=draw)
    cut = truncated(codes, 0.7)
    assert float(cut.abs().max()) <= 0.7 + 1e-6
    assert float(cut[codes.argsort()].diff().min()) >= 0
    density = math.exp(-0.245) / math.sqrt(2 * math.pi)  # the normal's at .7
    spread = 1 - 2 * 0.7 * density / math.erf(0.7 / math.sqrt(2))
    assert float(cut.var()) == pytest.approx(spread, rel=0.02)
    assert torch.allclose(truncated(codes, 9.0), codes, atol=1e-5)


def test_truncation_changes_samples_and_keeps_them_in_order(tmp_path: Path) -> None:
    model = exported(tmp_path / "model", "classes")
    all_of_it = torch.stack(list(samples(model, 3, 1)))
    wide = torch.stack(list(samples(model, 3, 1, truncation=9.0)))
    none = torch.stack(list(samples(model, 20, 1, truncation=0.5)))
    assert torch.allclose(all_of_it, wide, atol=1e-4)
    assert torch.equal(none[:3], torch.stack(list(samples(model, 3, 1, truncation=0.5))))
    assert not torch.allclose(all_of_it, none[:3], atol=1e-3)


def test_what_has_no_codes_is_told(tmp_path: Path) -> None:
    spec = find_variant("pixelcnn")
    plan = spec.run.model_validate(
        {**VAEGAN, "variant": "pixelcnn", "network": {"filters": 4, "blocks": 1, "mixtures": 2}}
    )
    export(tmp_path / "pixels", spec.make(plan).eval().nets(), plan, ABOUT)
    model = load_model(tmp_path / "pixels")
    with pytest.raises(ParamsError, match="no codes to walk"):
        latent_of(model, "cpu")
    with pytest.raises(ParamsError, match="no codes to truncate"):
        next(samples(model, 1, 0, truncation=1.0))


# Films -------------------------------------------------------------------------------------------


def shown(path: Path) -> tuple[list[np.ndarray], float]:
    """The frames of a film, and how long it lasts."""
    if path.suffix == ".mp4":
        with av.open(str(path)) as film:
            stream = film.streams.video[0]
            pictures = [f.to_ndarray(format="rgb24") for f in film.decode(video=0)]
            return pictures, len(pictures) / float(stream.average_rate or 1)
    with Image.open(path) as image:
        pictures, lasts = [], 0.0
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            pictures.append(np.asarray(image.convert("RGB")))
            lasts += image.info["duration"] / 1000
        assert image.info["loop"] == 0
        return pictures, lasts


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != ".png"])
def test_a_film_shows_its_frames_in_time_and_says_what_it_is(tmp_path: Path, kind: str) -> None:
    ramp = np.linspace(0, 255, 33 * 47).reshape(33, 47, 1)
    film = [np.roll(ramp, 3 * n, 1).repeat(3, 2).astype(np.uint8) for n in range(30)]
    animate(tmp_path / f"one{kind}", film, 24, "generated by memegan")
    animate(tmp_path / f"two{kind}", film, 24, "generated by memegan")
    data = (tmp_path / f"one{kind}").read_bytes()
    assert data == (tmp_path / f"two{kind}").read_bytes()
    assert b"generated by memegan" in data
    pictures, seconds = shown(tmp_path / f"one{kind}")
    assert len(pictures) == 30
    assert seconds == pytest.approx(30 / 24, abs=0.011)
    for picture, wanted in zip(pictures, film, strict=True):
        assert np.abs(picture[:33, :47].astype(int) - wanted).mean() < 6
    assert len(list(tmp_path.iterdir())) == 2


def test_a_strip_shows_all_frames_at_once(tmp_path: Path) -> None:
    for shape, whole in (((8, 8, 3), (8, 40, 3)), ((8, 24, 3), (40, 24, 3))):
        film = [np.full(shape, 10 * n, np.uint8) for n in range(5)]
        animate(tmp_path / "strip.png", film, 24, "generated by memegan")
        with Image.open(tmp_path / "strip.png") as image:
            pixels = np.asarray(image)
            assert image.info["Comment"] == "generated by memegan"
        assert pixels.shape == whole
        assert np.unique(pixels).tolist() == [0, 10, 20, 30, 40]
        assert pixels[0, 0, 0] == 0
        assert pixels[-1, -1, 0] == 40


def test_the_command_walks_swings_and_passes_pictures(tmp_path: Path) -> None:
    normal, vaegan = tmp_path / "normal", tmp_path / "vaegan"
    exported(normal, "normal")
    exported(vaegan, "vaegan")
    walk(normal, tmp_path / "walk.gif", through="1,0", steps=4, zoom=2)
    assert [p.shape for p in shown(tmp_path / "walk.gif")[0]] == [(32, 32, 3)] * 8
    walk(normal, tmp_path / "swing.webp", through="1,0,2", direction=1, steps=4)
    assert [p.shape for p in shown(tmp_path / "swing.webp")[0]] == [(16, 48, 3)] * 8
    files = []
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 256, (40, 50, 3), np.uint8)
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(noise).save(files[-1])
    walk(vaegan, tmp_path / "between.mp4", between=files, steps=5, loop=False)
    assert len(shown(tmp_path / "between.mp4")[0]) == 6


def test_the_ways_between_pictures_end_in_their_reconstructions(tmp_path: Path) -> None:
    model = exported(tmp_path / "vaegan", "vaegan")
    latent = latent_of(model, "cpu")
    pictures = [np.full((20, 16, 3), 40 + 90 * n, np.uint8) for n in range(2)]
    codes = encoded(model, latent, squares(model, pictures), "cpu")
    even = torch.full((1, 3, 16, 16), 130 / 127.5 - 1)
    with torch.no_grad():
        again = model.nets["decoder"](model.nets["encoder"](even).mean)
    (last,) = frames(latent, path(codes, 4, is_loop=False)[-1:], 0)
    assert torch.allclose(last, again[0].clamp(-1, 1), atol=1e-5)


def test_wrong_words_are_told(tmp_path: Path) -> None:
    exported(tmp_path / "model", "normal")
    exported(tmp_path / "classes", "classes")
    out = tmp_path / "walk.gif"
    with pytest.raises(ParamsError, match=r"of kind '\.avi'"):
        walk(tmp_path / "model", tmp_path / "walk.avi")
    with pytest.raises(ParamsError, match="no list of numbers"):
        walk(tmp_path / "model", out, through="1,x")
    with pytest.raises(ParamsError, match="one picture is no way"):
        walk(tmp_path / "model", out, through="1")
    with pytest.raises(ParamsError, match="8 directions, no 9"):
        walk(tmp_path / "model", out, direction=9)
    with pytest.raises(ParamsError, match="3 classes"):
        walk(tmp_path / "classes", out, label=3)
    (tmp_path / "no.png").write_bytes(io.BytesIO(b"no picture").getvalue())
    with pytest.raises(DataError, match="no picture that can be read"):
        walk(tmp_path / "model", out, between=[tmp_path / "no.png"])
    Image.new("RGB", (16, 16)).save(tmp_path / "yes.png")
    with pytest.raises(ParamsError, match="reads none"):
        walk(tmp_path / "model", out, between=[tmp_path / "yes.png"] * 2)
    assert not out.exists()
