"""Small videos made as a test asks: drawings panned on twos, with known times and cuts."""

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from tests.images.pictures import drawn

from memegan.video.params import FramesParams
from memegan.video.sample import Survey, survey

Pictures = list[np.ndarray]
WIDTH, HEIGHT, FPS = 96, 64, 12
H264 = {"preset": "ultrafast", "crf": "12"}
TURNED = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)  # shown turned to the right by 90 degrees


def shot(seed: int, count: int, step_px: int = 0) -> list[np.ndarray]:
    """A drawing that stands still, or moves by `step_px` every other frame."""
    wide = drawn(seed, WIDTH + 40, HEIGHT)
    starts = [(n // 2 * step_px) % 40 for n in range(count)]
    return [np.ascontiguousarray(wide[:, at : at + WIDTH]) for at in starts]


def moved(picture: np.ndarray, x: int, y: int) -> np.ndarray:
    """The picture shifted by so many pixels; what leaves on one side comes back on the other."""
    return np.ascontiguousarray(np.roll(picture, (y, x), axis=(0, 1)))


def flat(value: int, count: int) -> list[np.ndarray]:
    return [np.full((HEIGHT, WIDTH, 3), value, np.uint8)] * count


def clip(
    path: Path,
    pictures: Iterable[np.ndarray],
    times_ms: Sequence[int] = (),
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
) -> Path:
    """Encode pictures, shown at `times_ms` or at the constant rate; return the path."""
    pictures = list(pictures)
    base = Fraction(1, 1000) if times_ms else Fraction(1, FPS)
    front = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=front) as container:
        stream = container.add_stream(codec, rate=FPS)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.options = dict(H264 if codec == "libx264" else {}, **(options or {}))
        stream.codec_context.time_base = base
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = (times_ms[number] if times_ms else number), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def tone(path: Path, seconds: int = 1) -> Path:
    """A file that holds sound alone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        for n in range(seconds * 8):
            wave = np.sin(np.arange(1000) / 5).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            frame.rate, frame.pts = 8000, n * 1000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def turn(path: Path) -> None:
    """Write a display matrix into an MP4's track header (ISO 14496-12, section 8.3.2)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", *TURNED)
    path.write_bytes(data)


def seen(path: Path, p: FramesParams | None = None) -> Survey:
    """What a pass over a file tells, by default parameters."""
    return survey(lambda: path.open("rb"), p or FramesParams())


def starts(path: Path) -> list[tuple[int, str]]:
    """The first frame of each shot, and what begins it."""
    return [(one.first, one.transition) for one in seen(path).shots]
