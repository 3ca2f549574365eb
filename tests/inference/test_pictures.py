"""Real pictures through models: back from codes, along attributes, completed; wrong words told."""

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.trainer import COMMON

from memegan.cli.complete import complete
from memegan.cli.reconstruct import reconstruct
from memegan.cli.walk import walk
from memegan.errors import DataError, ParamsError
from memegan.inference.pictures import attribute, encoded, squares
from memegan.inference.walk import latent_of
from memegan.packs import member_name, write_series
from memegan.records import Row
from memegan.tables import columns, read_table, write_table
from memegan.training.export import Model, export, load_model
from memegan.variants.base import find_variant

Out = pytest.CaptureFixture[str]
ABOUT = {"memegan_key": "0123456789abcdef", "images_seen": 20}
WIDTHS = {"encoder_width": 4, "decoder_width": 4, "discriminator_width": 4}
NETWORKS: Mapping[str, Mapping[str, object]] = {
    "vaegan": {"z_size": 6, **WIDTHS},
    "pixelcnn": {"filters": 4, "blocks": 1, "mixtures": 2},
}
MOODS = ("glad", "sad", "glad", "mild", "sad", "glad")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with untrained models and six training pictures of known moods."""
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    for kind, network in NETWORKS.items():
        spec = find_variant(kind)
        values = {**COMMON, "variant": kind, "data": {"a": "meme"}, "crop_px": 16, "load_px": 16}
        plan = spec.run.model_validate({**values, "network": network})
        export(Path("models") / kind, spec.make(plan).eval().nets(), plan, ABOUT)
    example = {c.name: c.example for c in columns(Row)}
    files = [_png(number, 16, 16) for number in range(7)]
    places = write_series(
        Path("data/images/packs"), "all", [(member_name(data, "png"), data) for data in files]
    )
    moods = [*MOODS, "bored"]
    rows = [
        Row(
            **{
                **example,
                **vars(place),
                "id": str(n),
                "domain": "meme",
                "extra": {"mood": moods[n]},
            }
            | {"split": "train" if n < 6 else "val"}
        )
        for n, place in enumerate(places)
    ]
    write_table(Path("data/manifest.csv"), Row, rows)
    for number in range(2):
        Path(f"{number}.png").write_bytes(_png(10 + number, 20, 16 + 8 * number))
    return tmp_path


def _png(seed: int, width: int, height: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pixels_of(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def vaegan() -> Model:
    return load_model(Path("models/vaegan"))


PICTURES = [Path("0.png"), Path("1.png")]


def test_what_comes_back_is_the_decoders_picture_of_the_mean_code(capsys: Out) -> None:
    reconstruct(PICTURES, Path("models/vaegan"), Path("out"), as_json=True)
    told = json.loads(capsys.readouterr().out)
    model = vaegan()
    images = squares(model, [pixels_of("0.png"), pixels_of("1.png")])
    with torch.no_grad():
        again = model.nets["decoder"](model.nets["encoder"](images).mean).clamp(-1, 1)
    for number, made in enumerate(told["made"]):
        assert made["file"] == f"out/{number}.png"
        wanted = ((again[number] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        assert int(np.abs(pixels_of(made["file"]).astype(int) - wanted).max()) <= 1
        error = float((again[number] - images[number]).square().mean())
        assert made["psnr_db"] == pytest.approx(10 * math.log10(4 / error), abs=0.01)
    assert pixels_of("out/grid.png").shape == (2 * 16, 80 + 2 * 16, 3)


def test_an_attribute_is_what_tells_its_pictures_codes_from_the_others() -> None:
    model, rows = vaegan(), read_table(Path("data/manifest.csv"), Row)
    latent = latent_of(model, "cpu")
    way = attribute(model, latent, rows, "mood=glad", "cpu")
    images = squares(model, [pixels_of_row(n) for n in range(6)])
    codes = encoded(model, latent, images, "cpu")
    glad = codes[[0, 2, 5]].mean(0) - codes[[1, 3, 4]].mean(0)
    assert torch.allclose(way, glad, atol=1e-5)
    mild = attribute(model, latent, rows, "mood=mild", "cpu")
    assert torch.allclose(mild, codes[3] - codes[[0, 1, 2, 4, 5]].mean(0), atol=1e-5)


def pixels_of_row(number: int) -> np.ndarray:
    with Image.open(io.BytesIO(_png(number, 16, 16))) as image:
        return np.asarray(image.convert("RGB"))


def test_with_an_attribute_a_picture_moves_there_and_back_by_its_strength() -> None:
    def made(**more: object) -> np.ndarray:
        words = {"attribute_": "mood=glad", **more}
        reconstruct([Path("0.png")], Path("models/vaegan"), Path("out"), **words)  # type: ignore[arg-type]
        return pixels_of("out/0.png")

    plain, zero = made(attribute_=""), made(strength=0.0)
    there, back = made(strength=3.0), made(strength=-3.0)
    assert np.array_equal(plain, zero)
    assert not np.array_equal(there, plain)
    assert not np.array_equal(there, back)
    assert pixels_of("out/grid.png").shape == (3 * 16, 80 + 16, 3)


def test_a_walk_along_an_attribute_passes_the_pictures_themselves() -> None:
    walk(Path("models/vaegan"), Path("walk.png"), between=PICTURES, attribute_="mood=sad", steps=2)
    strip = pixels_of("walk.png")
    assert strip.shape == (4 * 16, 2 * 16, 3)  # there, back, to the other side, back
    reconstruct(PICTURES, Path("models/vaegan"), Path("out"))
    both = np.concatenate([pixels_of("out/0.png"), pixels_of("out/1.png")], 1)
    assert int(np.abs(strip[:16].astype(int) - both).max()) <= 1
    assert not np.array_equal(strip[16:32], strip[48:])


def test_the_upper_part_is_kept_and_the_rest_drawn(capsys: Out) -> None:
    complete(PICTURES, Path("models/pixelcnn"), Path("out"), share=0.25, count=2, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["made"] == [f"out/{n}-{k}.png" for k in range(2) for n in range(2)]
    model = load_model(Path("models/pixelcnn"))
    given = squares(model, [pixels_of("0.png"), pixels_of("1.png")])
    drawn = [pixels_of(name) for name in told["made"]]
    for number, made in enumerate(drawn):
        wanted = ((given[number % 2] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        assert np.array_equal(made[:4], wanted[:4])
        assert not np.array_equal(made[4:], wanted[4:])
    assert len({made.tobytes() for made in drawn}) == 4
    complete(PICTURES, Path("models/pixelcnn"), Path("again"), share=0.25, count=1)
    assert np.array_equal(pixels_of("again/0-0.png"), drawn[0])
    complete(PICTURES, Path("models/pixelcnn"), Path("other"), share=0.25, count=1, seed=1)
    assert not np.array_equal(pixels_of("other/0-0.png"), drawn[0])
    assert pixels_of("out/grid.png").shape == (4 * 16, 80 + 2 * 16, 3)


def test_what_cannot_be_read_is_named_when_the_rest_is_made() -> None:
    Path("album").mkdir()
    Path("album/good.png").write_bytes(_png(3, 16, 16))
    Path("album/bad.png").write_bytes(b"no picture")
    Path("album/README.md").write_text("a note")
    with pytest.raises(DataError, match=r"1 files cannot be read, 1 were made\n.*bad\.png"):
        reconstruct([Path("album")], Path("models/vaegan"), Path("out"))
    assert Path("out/good.png").exists()
    with pytest.raises(DataError, match="no picture that can be read"):
        complete([Path("album/bad.png")], Path("models/pixelcnn"))


def test_wrong_words_are_told() -> None:
    model, one = Path("models/vaegan"), [Path("0.png")]
    with pytest.raises(ParamsError, match=r"0 of 6 training pictures have mood=bored") as error:
        reconstruct(one, model, attribute_="mood=bored")
    assert "glad, mild, sad" in error.value.fix
    with pytest.raises(ParamsError, match=r"6 of 6 training pictures have domain=meme"):
        reconstruct(one, model, attribute_="domain=meme")
    for said in ("mod=glad", "mood", "mood="):
        with pytest.raises(ParamsError, match="no column of the manifest and a value") as error:
            reconstruct(one, model, attribute_=said)
        assert "mood" in error.value.fix
    with pytest.raises(ParamsError, match="both are ways to move along"):
        walk(model, direction=1, attribute_="mood=glad")
    with pytest.raises(ParamsError, match="no codes to walk"):
        reconstruct(one, Path("models/pixelcnn"))
    with pytest.raises(ParamsError, match="cannot complete pictures"):
        complete(one, model)
    for share in (0.0, 1.0):
        with pytest.raises(ParamsError, match="some are to be, not all"):
            complete(one, Path("models/pixelcnn"), share=share)
    with pytest.raises(ParamsError, match="no such file or folder"):
        complete([Path("none.png")], Path("models/pixelcnn"))
    Path("data/manifest.csv").unlink()
    with pytest.raises(ParamsError, match="the training pictures are not here"):
        reconstruct(one, model, attribute_="mood=glad")
