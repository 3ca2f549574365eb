"""The command `memegan dedup`."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from memegan.cli.unpack import existing, fresh, section, tell
from memegan.errors import ParamsError
from memegan.images.animation import with_frames
from memegan.images.candidates import Candidate, fetched, framed, kept_row
from memegan.images.decided import DECISIONS, read_decisions
from memegan.images.dedup import counts
from memegan.images.dedup import dedup as decide
from memegan.images.look import whole
from memegan.images.memory import remembering
from memegan.images.params import DedupParams
from memegan.images.review import Show, review_page
from memegan.media import sniff
from memegan.packs import read_place
from memegan.records import DuplicateRow, KeptRow, QuarantineRow
from memegan.sources.base import is_note
from memegan.stage import dvc_root
from memegan.tables import write_table
from memegan.takedown import Banned


def dedup(
    folders: Annotated[
        list[Path],
        typer.Argument(help="folders of pictures, or what `memegan fetch` or `frames` made"),
    ],
    out: Annotated[Path, typer.Option(help="new or empty folder, for the three tables")],
    mirrored: Annotated[
        bool, typer.Option("--mirrored/--upright", help="a mirrored or turned picture is the same")
    ] = True,
    animation: Annotated[
        Literal["first", "all"], typer.Option(help="frames of an animation that are pictures")
    ] = "first",
    max_frames: Annotated[
        int | None, typer.Option(help="of an animation, for all; of more, evenly spread")
    ] = None,
    min_size_px: Annotated[int | None, typer.Option(help="least short side")] = None,
    min_contrast: Annotated[
        float | None, typer.Option(help="least spread of levels; less is flat; 0 keeps all")
    ] = None,
    min_shown: Annotated[
        float | None, typer.Option(help="least share that is not empty; 0 keeps all")
    ] = None,
    editor_bars: Annotated[
        int | None, typer.Option(help="bars of a screenshot of an editor; 0 keeps all")
    ] = None,
    review: Annotated[
        bool, typer.Option("--review", help="also review.html: what is alike, side by side")
    ] = False,
    decisions: Annotated[
        Path, typer.Option(help="what was decided about pairs; review.html makes it")
    ] = DECISIONS,
    as_json: Annotated[bool, typer.Option("--json", help="counts as JSON")] = False,
) -> None:
    """Find what is broken or there twice: kept.csv, duplicates.csv, quarantine.csv.

    No picture is touched or copied. What was seen is remembered in .memegan/dedup: run again, it
    looks at what is new. Of copies the largest stays, then the least compressed, then
    the first: folders in the order given, files by their names. A folder's name becomes the
    domain of its pictures.

    Example: memegan dedup photos cartoons --out clean, then: memegan resize clean --out small
    """
    least = {"min_size_px": min_size_px, "min_contrast": min_contrast, "min_shown": min_shown}
    least |= {"editor_bars": editor_bars}
    frames = {"animation": animation, "max_frames": max_frames}
    p = section(DedupParams, mirrored=mirrored, **least, **frames, max_quarantined=1.0)
    workers = os.cpu_count() or 1
    found = [one for folder in folders for one in found_in(folder)]
    found = with_frames(found, read_place, p, workers)
    with fresh(out):
        told = read_decisions(decisions)
        with remembering(dvc_root() / ".memegan/dedup") as memory:
            made = decide(found, read_place, p, Banned.load(), workers, told, memory)
        write_table(out / "kept.csv", KeptRow, made.kept)
        write_table(out / "duplicates.csv", DuplicateRow, made.duplicates)
        write_table(out / "quarantine.csv", QuarantineRow, made.quarantine)
        if review:
            page = review_page(made.duplicates, _shower(found))
            (out / "review.html").write_text(page, encoding="utf-8", newline="\n")
    tell(counts(made), out, as_json)


def _shower(found: Sequence[Candidate]) -> Show:
    """Return what gives the pixels of a picture by its id."""
    rows = {one.row.id: one.row for one in reversed(found)}
    return lambda id_: whole(rows[id_], read_place(rows[id_])) if id_ in rows else None


def found_in(folder: Path) -> Iterator[Candidate]:
    """Yield the pictures of a folder; each file is a pack of its own.

    Raises:
        ParamsError: there is no such folder, or it holds no file.
    """
    if not existing(folder).is_dir():
        fix = "name the folder that it lies in"
        raise ParamsError("it is a file, not a folder", where=folder.as_posix(), fix=fix)
    if (folder / "fetches.csv").exists():
        yield from fetched(folder)
        return
    if (folder / "frames.csv").exists():
        yield from framed(folder)
        return
    files = sorted(folder.rglob("*"), key=lambda path: path.as_posix())
    files = [f for f in files if f.is_file() and not is_note(f.relative_to(folder))]
    if not files:
        fix = "name a folder that holds pictures"
        raise ParamsError("there is no file in it", where=folder.as_posix(), fix=fix)
    for file in files:
        yield Candidate(_row(file, folder), file.as_posix())


def _row(file: Path, folder: Path) -> KeptRow:
    data = file.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    kind = sniff(data).rpartition("/")[2] or "bin"
    inside = file.relative_to(folder)
    name = folder.resolve().name
    more = {"sub_folder": inside.parts[0]} if len(inside.parts) > 1 else {}
    return kept_row(
        pack=file.as_posix(),
        member=f"{digest}.{kind}",
        offset=0,
        bytes=len(data),
        sha256=digest,
        domain=name,
        source="folder",
        community=name,
        post_id=f"folder:{name}:{inside.as_posix()}",
        url=f"file:{name}/{inside.as_posix()}",
        extra=more,
    )
