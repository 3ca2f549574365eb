"""Pictures to a short film, or a strip: the same bytes for the same pictures."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from PIL import Image

from memegan.errors import ParamsError
from memegan.inference.film import PICTURE
from memegan.inference.translate import write_png

_PALETTE_FRAMES = 16  # of which a GIF's colours are taken
_QUALITY = 90
Film = Sequence[np.ndarray]


def check_kind(path: Path) -> None:
    """Refuse a name that no writer is for.

    Raises:
        ParamsError: another suffix than .mp4, .gif, .webp or .png.
    """
    if path.suffix.lower() not in _WRITERS:
        raise ParamsError(
            f"films of kind '{path.suffix}' are not written",
            where=path.as_posix(),
            fix=f"choose one of: {', '.join(_WRITERS)}",
        )


def animate(path: Path, film: Film, fps: int, about: str) -> None:
    """Write a film; GIF and WebP begin again when they end. Beside first, then renamed.

    Args:
        path: .mp4, .gif, .webp; .png for all frames at once.
        film: (H, W, 3) uint8 each, all of one size.
        about: what the file says of itself.

    Raises:
        ParamsError: another kind of file is asked for.
    """
    check_kind(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.part{path.suffix.lower()}")
    try:
        _WRITERS[path.suffix.lower()](part, film, fps, about)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _mp4(path: Path, film: Film, fps: int, about: str) -> None:
    codec, options = PICTURE[".mp4"]
    height, width = film[0].shape[:2]
    with av.open(str(path), "w") as out:
        out.metadata["comment"] = about
        stream = cast("av.VideoStream", out.add_stream(codec, rate=fps, options=options))
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = "yuv420p"
        for number, pixels in enumerate(film):
            even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
            frame = av.VideoFrame.from_ndarray(even, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _gif(path: Path, film: Film, fps: int, about: str) -> None:
    """One palette for all frames, else colours would flicker."""
    some = film[:: max(1, len(film) // _PALETTE_FRAMES)]
    palette = Image.fromarray(np.concatenate(some)).quantize(256, Image.Quantize.MEDIANCUT)
    pictures = [Image.fromarray(pixels).quantize(palette=palette) for pixels in film]
    at = [round(100 * n / fps) * 10 for n in range(len(film) + 1)]  # a GIF counts in 1/100 s
    lasts = [end - start for start, end in pairwise(at)]
    more: dict[str, Any] = {
        "append_images": pictures[1:],
        "duration": lasts,
        "loop": 0,
        "comment": about,
    }
    pictures[0].save(path, "GIF", save_all=True, optimize=False, **more)


def _webp(path: Path, film: Film, fps: int, about: str) -> None:
    pictures = [Image.fromarray(pixels) for pixels in film]
    at = [round(1000 * n / fps) for n in range(len(film) + 1)]
    notes = Image.Exif()
    notes[0x010E] = about  # ImageDescription
    lasts = [end - start for start, end in pairwise(at)]
    more: dict[str, Any] = {
        "append_images": pictures[1:],
        "duration": lasts,
        "loop": 0,
        "exif": notes,
    }
    pictures[0].save(path, "WEBP", save_all=True, quality=_QUALITY, method=4, **more)


def _png(path: Path, film: Film, fps: int, about: str) -> None:
    """Lay the frames side by side, and those that are wide themselves below each other."""
    height, width = film[0].shape[:2]
    write_png(path, np.concatenate(film, 1 if width <= height else 0), about)


_WRITERS: dict[str, Callable[[Path, Film, int, str], None]] = {
    **{".mp4": _mp4, ".gif": _gif, ".webp": _webp, ".png": _png}
}
KINDS = tuple(_WRITERS)
