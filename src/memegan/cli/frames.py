"""The command `memegan frames`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import typer

from memegan.cli.unpack import existing, fresh, plain, section, tell, write_file
from memegan.errors import ParamsError
from memegan.media import sniff
from memegan.packs import read_place
from memegan.records import FrameRow, VideoRow
from memegan.sources.base import is_note
from memegan.tables import read_table
from memegan.video.frames import Video, fetched_videos, local_video, write_frames
from memegan.video.params import FramesParams


def frames(
    videos: Annotated[
        list[Path], typer.Argument(help="videos, folders of videos, or what `memegan fetch` made")
    ],
    out: Annotated[Path, typer.Option(help="new or empty folder, for tables and packs")],
    sample: Annotated[
        Literal["every_s", "fps", "per_shot", "keyframes"], typer.Option(help="which frames")
    ] = "every_s",
    every_s: Annotated[
        str | None, typer.Option(help="seconds between frames, for example 0.5 or 1/3")
    ] = None,
    fps: Annotated[
        str | None, typer.Option(help="frames a second, with --sample fps: 2 or 24000/1001")
    ] = None,
    per_shot: Annotated[
        int | None, typer.Option(help="frames a shot, with --sample per_shot")
    ] = None,
    min_sharpness: Annotated[
        float | None, typer.Option(help="variance of the Laplacian; duller frames are left out")
    ] = None,
    max_text: Annotated[
        float | None, typer.Option(help="share of text; credits have 0.08 and more")
    ] = None,
    drop_fades: Annotated[
        bool, typer.Option("--drop-fades", help="leave out what lies in fades and dissolves")
    ] = False,
    mask: Annotated[
        list[str] | None,
        typer.Option(help="hide a logo or subtitles: left,top,right,bottom as shares, 0 to 1"),
    ] = None,
    keep_bars: Annotated[bool, typer.Option("--keep-bars", help="leave black bars on")] = False,
    domain: Annotated[str | None, typer.Option(help="what the videos show, for the tables")] = None,
    images: Annotated[
        bool, typer.Option("--images", help="plain PNG files too, in DIR/images")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="counts as JSON")] = False,
) -> None:
    """Take frames out of videos by presentation time: frames.csv, shots.csv, videos.csv, packs.

    A frame that is black, white, or repeats the last one is a row with its reason; so is one that
    is blurred, in a fade or full of text, where you ask for it.

    Example: memegan frames episode.mp4 --out episode --sample per_shot --images
    """
    p = section(
        FramesParams,
        sample=sample,
        every_s=every_s,
        fps=fps,
        per_shot=per_shot,
        min_sharpness=min_sharpness,
        max_text=max_text,
        keep_fades=not drop_fades,
        masks=[_mask(one) for one in mask or ()],
        crop_bars=not keep_bars,
    )
    found = list(_videos(videos))
    if domain is not None:
        found = [replace(video, about=replace(video.about, domain=domain)) for video in found]
    with fresh(out):
        write_frames(found, p, out)
        rows = read_table(out / "frames.csv", FrameRow)
        about = {row.video: row for row in read_table(out / "videos.csv", VideoRow)}
        for row in rows if images else ():
            if row.status == "kept":
                write_file(out / "images" / _name(row, about[row.video]), read_place(row))
    kept = sum(row.status == "kept" for row in rows)
    damaged = sum(row.status != "ok" for row in about.values())
    counts = {"frames kept": kept, "dropped": len(rows) - kept, "videos": len(about)}
    tell(counts | {"damaged": damaged}, out, as_json)


def _mask(text: str) -> dict[str, str]:
    parts = text.split(",")
    if len(parts) != 4:
        raise ParamsError(
            f"'{text}' is no rectangle",
            where="--mask",
            fix="say left,top,right,bottom as shares, for example 0.8,0,1,0.15",
        )
    return dict(zip(("left", "top", "right", "bottom"), parts, strict=True))


def _videos(paths: Sequence[Path]) -> Iterator[Video]:
    for path in paths:
        if not existing(path).is_dir():
            yield local_video(path, path.as_posix())
        elif (path / "fetches.csv").exists():
            yield from fetched_videos(path)
        else:
            yield from _inside(path)


def _inside(folder: Path) -> Iterator[Video]:
    """Yield the videos of a folder, told by their first bytes, in the order of their names."""
    files = sorted(folder.rglob("*"), key=lambda path: path.as_posix())
    plain_files = [f for f in files if f.is_file() and not is_note(f.relative_to(folder))]
    videos = [file for file in plain_files if _is_video(file)]
    if not videos:
        raise ParamsError(
            f"no video among {len(plain_files)} files",
            where=folder.as_posix(),
            fix="name a folder or files that hold videos",
        )
    for file in videos:
        yield local_video(file, file.as_posix())


def _is_video(path: Path) -> bool:
    with path.open("rb") as file:
        return sniff(file.read(32)).startswith("video/")


def _name(row: FrameRow, video: VideoRow) -> str:
    """Name a picture by its video, the start of the video's digest, and its second."""
    stem = plain(PurePosixPath(video.name).stem)
    return f"{stem}-{row.video[:8]}-{row.time_s:010.3f}.png"
