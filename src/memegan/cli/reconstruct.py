"""Real pictures to their codes and back."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from memegan.cli.sample import manifest
from memegan.cli.translate import device_of, readable, refused
from memegan.inference.pictures import attribute, encoded, squares
from memegan.inference.sample import named_rows
from memegan.inference.translate import to_pixels, write_png
from memegan.inference.walk import frames, latent_of
from memegan.training.export import load_model

log = logging.getLogger(__name__)


def reconstruct(
    what: Annotated[list[Path], typer.Argument(help="pictures, folders of them")],
    model: Annotated[Path, typer.Option(help="folder of a vaegan's model")],
    out: Annotated[Path, typer.Option(help="folder for what is made")] = Path("reconstructed"),
    attribute_: Annotated[
        str,
        typer.Option(
            "--attribute", help="COLUMN=VALUE of the manifest: make them more like those pictures"
        ),
    ] = "",
    strength: Annotated[
        float, typer.Option(min=-10, max=10, help="of the attribute; below 0: less like them")
    ] = 1.0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Send pictures through a VAE-GAN's codes and back: OUT/NAME.png, all of them in OUT/grid.png.

    Each is cut square in the middle. An attribute is the mean code of the training pictures that
    have it less that of the others; it is added to the codes, and needs the project's data.

    Example: memegan reconstruct cat.jpg --model models/vaegan --attribute community=frogs
    """
    loaded, name = load_model(model), device_of(device)
    latent = latent_of(loaded, name)
    pictures, bad = readable(what)
    images = squares(loaded, [pixels for _, pixels in pictures])
    codes = encoded(loaded, latent, images, name)
    back = list(frames(latent, codes, 0))
    psnr = [_psnr(one, image) for one, image in zip(back, images, strict=True)]
    rows = {"input": list(images), "back": back}
    if attribute_:
        way = attribute(loaded, latent, manifest("--attribute"), attribute_, name)
        rows["changed"] = list(frames(latent, codes + strength * way, 0))
    files = [(out / place).with_suffix(".png") for place, _ in pictures]
    for path, image in zip(files, list(rows.values())[-1], strict=True):
        write_png(path, to_pixels(image), loaded.about)
    write_png(out / "grid.png", named_rows(rows).permute(1, 2, 0).numpy(), loaded.about)
    if as_json:
        made = [
            {"file": path.as_posix(), "psnr_db": round(value, 3)}
            for path, value in zip(files, psnr, strict=True)
        ]
        told = {"made": made, "grid": (out / "grid.png").as_posix(), "model": loaded.key}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        mean = sum(psnr) / len(psnr)
        log.info("%d pictures in %s; %.1f dB of PSNR in the mean", len(files), out, mean)
    refused(bad, len(files), out)


def _psnr(made: Tensor, image: Tensor) -> float:
    error = (made - image).square().mean().clamp_min(4e-10)
    return float(10 * torch.log10(4 / error))
