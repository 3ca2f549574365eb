"""Frames of a video by presentation time, and what was wrong with the file."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np

THUMB = (64, 36)  # width and height of the planes that shots and repeats are told by
_MARGIN_S = Fraction(1, 2)  # a declared duration may be so much longer than the last frame's time


@dataclass(frozen=True)
class Frame:
    """One decoded frame; `turned` by the display matrix only when it is converted."""

    pts: int
    time: Fraction  # seconds after the first frame
    is_key: bool
    thumb: np.ndarray  # (36, 64, 3) uint8: Y, U, V
    raw: av.VideoFrame


@dataclass
class Reading:
    """What reading a video to its end told."""

    codec: str = ""
    width_px: int = 0
    height_px: int = 0
    fps: str = "0/1"
    declared_s: float | None = None
    last_s: float | None = None
    frames: int = 0
    status: str = "ok"
    reason: str = ""
    detail: str = ""

    def fail(self, reason: str, detail: str) -> None:
        """Note the first thing that went wrong: damaged once a frame was read, else failed."""
        if not self.reason:
            self.status = "damaged" if self.frames else "failed"
            self.reason, self.detail = reason, detail.splitlines()[0][:200] if detail else ""


def read(data: bytes, reading: Reading) -> Iterator[Frame]:
    """Yield the frames of video stream 0 in the order of their times; fill `reading` on the way.

    A file that cannot be read to its end is told in `reading`, never raised: `empty`,
    `not_media`, `no_video_stream`, `damaged` or `cut_tail` (frames end before the duration that
    the container declares).
    """
    if not data:
        return reading.fail("empty", "no bytes at all")
    try:
        container = av.open(io.BytesIO(data), "r", metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        return reading.fail("not_media", str(error))
    with container:
        if not container.streams.video:
            return reading.fail("no_video_stream", f"{len(container.streams)} other streams")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        reading.codec = stream.codec_context.name
        rate = stream.average_rate or Fraction(0)
        reading.fps = f"{rate.numerator}/{rate.denominator}"
        base = stream.time_base or Fraction(1, 1)
        declared = stream.duration * base if stream.duration else None
        if declared is None and container.duration:
            declared = Fraction(container.duration, av.time_base)
        reading.declared_s = None if declared is None else float(declared)
        yield from _frames(container, stream, base, reading)
        spare = max(_MARGIN_S, 3 / rate if rate else Fraction(0))
        if (
            declared is not None
            and reading.last_s is not None
            and declared - spare > reading.last_s
        ):
            reading.fail("cut_tail", f"{reading.last_s:.3f} s of {float(declared):.3f} s")
        if reading.frames == 0:
            reading.fail("damaged", "no frame could be decoded")


def rgb(frame: Frame) -> np.ndarray:
    """Convert to (H, W, 3) uint8, turned as the container's display matrix says."""
    pixels = frame.raw.to_ndarray(format="rgb24")
    turns = round(getattr(frame.raw, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns))


def _frames(
    container: av.container.InputContainer, stream: av.VideoStream, base: Fraction, reading: Reading
) -> Iterator[Frame]:
    start: int | None = None
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            decoded = packet.decode()
        except av.FFmpegError as error:  # garbage in the middle: the rest may be sound
            reading.fail("damaged", str(error))
            if isinstance(error, av.EOFError | OSError) and packet is None:
                return
            continue
        for raw in decoded:
            if raw.pts is None:
                continue
            start = raw.pts if start is None else start
            if reading.frames == 0:
                turned = round(getattr(raw, "rotation", 0) / 90) % 2
                size = (raw.height, raw.width) if turned else (raw.width, raw.height)
                reading.width_px, reading.height_px = size
            if raw.is_corrupt:
                reading.fail("damaged", f"a frame at {float((raw.pts - start) * base):.3f} s")
            time = (raw.pts - start) * base
            reading.frames += 1
            reading.last_s = float(time)
            yield Frame(raw.pts, time, bool(raw.key_frame), _thumb(raw), raw)


def _thumb(raw: av.VideoFrame) -> np.ndarray:
    """Y, U and V at 64x36 from the planes themselves: no conversion to RGB is paid for."""
    if raw.format.name not in ("yuv420p", "yuvj420p"):
        raw = raw.reformat(format="yuv420p")
    planes = []
    for plane in raw.planes[:3]:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        planes.append(cv2.resize(rows[:, : plane.width], THUMB, interpolation=cv2.INTER_AREA))
    return np.stack(planes, axis=-1)
