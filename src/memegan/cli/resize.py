"""The command `memegan resize`."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from memegan.cli.dedup import found_in
from memegan.cli.select import kept_rows
from memegan.cli.unpack import existing, fresh, section, tell, write_file
from memegan.errors import DataError
from memegan.images.dedup import quarantine
from memegan.images.look import Bad, look
from memegan.images.ordered import ordered_map
from memegan.images.params import ResizeParams
from memegan.images.resize import write_images
from memegan.images.text import READABLE_PX, measure
from memegan.packs import read_place
from memegan.records import ImageRow, KeptRow, QuarantineRow, SelectedRow, TextRow
from memegan.tables import read_table, write_table

_WORKERS = os.cpu_count() or 1


def resize(
    pictures: Annotated[
        list[Path], typer.Argument(help="folders of pictures, or what `memegan dedup` made")
    ],
    out: Annotated[Path, typer.Option(help="new or empty folder, for images.csv and packs")],
    size_px: Annotated[int | None, typer.Option(help="short side; the side of a square")] = None,
    fit: Annotated[
        Literal["crop", "smart", "letterbox", "stretch", "keep"],
        typer.Option(help="smart is the square of most detail; keep keeps the aspect"),
    ] = "crop",
    filter_: Annotated[
        Literal["area", "lanczos"], typer.Option("--filter", help="both antialiased")
    ] = "area",
    light: Annotated[
        Literal["display", "linear"], typer.Option(help="linear: mean light, not mean values")
    ] = "display",
    format_: Annotated[
        Literal["png", "webp"], typer.Option("--format", help="both lossless")
    ] = "png",
    selected: Annotated[
        Path | None, typer.Option(help="selected.csv: only the pictures that it names")
    ] = None,
    images: Annotated[
        bool, typer.Option("--images", help="plain files too, in DIR/images")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="counts as JSON")] = False,
) -> None:
    """Bring pictures to one size, antialiased, upright, on white: images.csv, text.csv, packs.

    A file that is no sound picture is a row of quarantine.csv; the same bytes are taken once.
    text.csv says how high the letters in a picture are now, and which size would keep them.

    Example: memegan resize photos --out small --size-px 64 --fit crop --images
    """
    asked = {"size_px": size_px, "fit": fit, "filter": filter_, "light": light}
    p = section(ResizeParams, **asked, format=format_)
    rows: dict[str, KeptRow] = {}
    bad: list[QuarantineRow] = []
    for path in pictures:
        some, others = _sound(path)
        bad += others
        for row in some:
            rows.setdefault(row.id, row)
    if selected is not None:
        wanted = {row.id for row in read_table(existing(selected), SelectedRow)}
        rows = {name: row for name, row in rows.items() if name in wanted}
    if not rows:
        raise DataError(
            f"no picture is left of {len(bad)} files",
            where=", ".join(path.as_posix() for path in pictures),
            fix="; ".join(f"{one.file}: {one.reason}" for one in bad[:3]) or "bring some",
        )
    with fresh(out):
        made = write_images(list(rows.values()), read_place, p, out / "packs", _WORKERS)
        write_table(out / "images.csv", ImageRow, made)
        texts = measure(list(rows.values()), read_place, p, _WORKERS)
        write_table(out / "text.csv", TextRow, texts)
        write_table(out / "quarantine.csv", QuarantineRow, bad)
        for image in made if images else ():
            write_file(out / "images" / f"{image.id}.{p.format}", read_place(image))
    lost = sum(0 < text.text_px < READABLE_PX for text in texts)
    counts = {"images": len(made), "quarantined": len(bad)}
    tell(counts | ({"with text too small to read": lost} if lost else {}), out, as_json)


def _sound(path: Path) -> tuple[list[KeptRow], list[QuarantineRow]]:
    """Return the pictures that can be stored, and the files that cannot, with their reasons."""
    if existing(path).is_file() or (path / "kept.csv").exists():
        return kept_rows(path), []
    found = list(found_in(path))
    looks = ordered_map(lambda one: look(one.row, read_place, 1), found, _WORKERS)
    rows, bad = list[KeptRow](), list[QuarantineRow]()
    for one, got in zip(found, looks, strict=True):
        if isinstance(got, Bad):
            bad.append(quarantine(one, got))
        else:
            rows.append(replace(one.row, width_px=got.width_px, height_px=got.height_px))
    return rows, bad
