"""Bring pictures to their stored size, antialiased, and into packs."""

import io
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from memegan.errors import DataError
from memegan.images.look import Read, whole
from memegan.images.ordered import ordered_map
from memegan.images.params import ResizeParams
from memegan.images.progress import told
from memegan.images.scale import scaled, scaled_in_linear_light
from memegan.images.smart import square_of_most_detail
from memegan.media import BadMedia
from memegan.packs import HashedPacks, member_name
from memegan.records import ImageRow, KeptRow


def fit(pixels: np.ndarray, p: ResizeParams) -> np.ndarray:
    """Bring (H, W, 3) uint8 to the stored size.

    `crop` takes the middle square, `smart` the square with the most detail, `letterbox` the whole
    with bars, `stretch` the whole out of shape, `keep` the whole with its short side at `size_px`.
    A picture smaller than that is enlarged (Lanczos): training needs one size; its own size stays
    in kept.csv.
    """
    height, width = pixels.shape[:2]
    size = p.size_px
    scale = scaled_in_linear_light if p.light == "linear" else scaled
    if p.fit in ("crop", "smart"):
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        if p.fit == "smart":
            top, left = square_of_most_detail(pixels)
        return scale(pixels[top : top + side, left : left + side], size, size, p.filter)
    if p.fit == "stretch":
        return scale(pixels, size, size, p.filter)
    share = size / (max if p.fit == "letterbox" else min)(height, width)
    wide, high = max(1, round(width * share)), max(1, round(height * share))
    inner = scale(pixels, wide, high, p.filter)
    if p.fit == "keep":
        return inner
    top, left = (size - high) // 2, (size - wide) // 2
    bars = (top, size - high - top, left, size - wide - left)
    return np.asarray(cv2.copyMakeBorder(inner, *bars, cv2.BORDER_CONSTANT, value=p.pad))


def short_side(width: int, height: int, p: ResizeParams) -> int:
    """Return how long the short side of the whole picture is at the stored scale, in px."""
    if p.fit != "letterbox" or not min(width, height):
        return p.size_px
    return max(1, round(p.size_px * min(width, height) / max(width, height)))


def stored_height(width: int, height: int, p: ResizeParams) -> float:
    """Return how high the whole picture would be at the stored scale, in px."""
    if p.fit == "stretch":
        return p.size_px
    return p.size_px * height / (max if p.fit == "letterbox" else min)(width, height)


def write_images(
    rows: Sequence[KeptRow], read: Read, p: ResizeParams, folder: Path, workers: int
) -> list[ImageRow]:
    """Store every picture and return the rows of images.csv, sorted by id.

    Two pictures that become the same bytes at this size are stored once and listed twice.

    Raises:
        DataError: a file that dedup could read cannot be read now.
    """

    def work(row: KeptRow) -> tuple[bytes, int, int]:
        try:
            short = short_side(row.width_px, row.height_px, p)
            pixels = fit(whole(row, read(row), at_least_px=short), p)
        except (BadMedia, ValueError) as error:  # the file went through dedup, so this is damage
            raise DataError(
                f"a kept picture cannot be read: {error}",
                where=f"{row.pack} at {row.offset}",
                fix="run: dvc checkout, or dvc repro -f scrape",
            ) from error
        return encode(pixels, p.format), pixels.shape[1], pixels.shape[0]

    ordered = sorted(rows, key=lambda row: row.id)
    sizes: list[tuple[str, int, int]] = []
    with HashedPacks(folder) as packs:
        made_of = ordered_map(work, ordered, workers)
        for data, width, height in told(made_of, "pictures stored", len(ordered)):
            member = member_name(data, p.format)
            packs.add(member, data)
            sizes.append((member, width, height))
    same = {f.name for f in fields(ImageRow)} & {f.name for f in fields(KeptRow)}
    made = []
    for row, (member, width, height) in zip(ordered, sizes, strict=True):
        place = packs.places[member]
        values = {name: getattr(row, name) for name in same}
        values |= {"pack": place.pack, "member": member, "offset": place.offset}
        values |= {"bytes": place.bytes, "sha256": member.split(".")[0]}
        values |= {"width_px": width, "height_px": height, "origin_sha256": row.sha256}
        made.append(ImageRow(**values))
    return made


def encode(pixels: np.ndarray, kind: str) -> bytes:
    """Encode without loss, without metadata; the same pixels give the same bytes."""
    file = io.BytesIO()
    options = {"compress_level": 6} if kind == "png" else {"lossless": True, "quality": 80}
    Image.fromarray(pixels).save(file, kind.upper(), **options)
    return file.getvalue()
