"""Frames of a video by presentation time, and what was wrong with the file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import BinaryIO

import av
import cv2
import numpy as np
from av.stream import Disposition

from memegan.media import sniff
from memegan.video.masks import filled

THUMB = (64, 36)  # width and height of the planes that shots and repeats are told by
_ROWS = (72, 36, 36)  # that are read of Y, U and V at most
_SIDES = 0.08  # of the width may be left out
_MARGIN_S = Fraction(1, 2)  # a declared duration may be so much longer than the last frame's time
ROUGH = {"skip_loop_filter": "all"}  # edges of blocks are seen; a fifth of the time is saved
Box = tuple[int, int, int, int]  # top, bottom, left, right in pixels of the coded picture


@dataclass(frozen=True)
class Frame:
    """One decoded frame; nothing is converted before somebody asks."""

    pts: int
    time: Fraction  # seconds after the first frame
    is_key: bool
    raw: av.VideoFrame

    def planes(self) -> list[np.ndarray]:
        """Return Y, U and V as they were coded, (H, W), (H/2, W/2), (H/2, W/2) uint8 views."""
        raw = self.raw
        if raw.format.name not in ("yuv420p", "yuvj420p"):
            raw = raw.reformat(format="yuv420p")
        return [
            np.frombuffer(memoryview(p), np.uint8).reshape(p.height, p.line_size)[:, : p.width]
            for p in raw.planes[:3]
        ]

    @property
    def turns(self) -> int:
        """How often the coded picture is turned by 90 degrees, against the clock, to be shown."""
        return round(self.raw.rotation / 90) % 4

    def rgb(self, box: Box | None = None, hidden: np.ndarray | None = None) -> np.ndarray:
        """Return (H, W, 3) uint8: the part in `box`, turned by the container's display matrix.

        Args:
            hidden: (H, W) bool of the coded picture: what is filled in from around it.
        """
        pixels = self.raw.to_ndarray(format="rgb24")
        if hidden is not None:
            pixels = filled(pixels, hidden)
        if box is not None:
            pixels = pixels[box[0] : box[1], box[2] : box[3]]
        return np.ascontiguousarray(np.rot90(pixels, self.turns))


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
            self.reason, self.detail = reason, detail


def thumb(planes: list[np.ndarray]) -> np.ndarray:
    """Return (36, 64, 3) uint8 area means of Y, U, V: no conversion to RGB is paid for.

    Of a high picture some rows alone are read, and of a wide one a few columns at the sides may
    be left out: where a mean is taken of whole pixels, it is seven times as fast; of two by two
    pixels first, twice as fast again.
    """
    small = []
    for plane, rows in zip(planes, _ROWS, strict=True):
        part = _whole(plane, rows)
        height, width = part.shape
        if height == 2 * THUMB[1] and width % (2 * THUMB[0]) == 0:
            part = cv2.resize(part, (width // 2, THUMB[1]), interpolation=cv2.INTER_AREA)
        small.append(cv2.resize(part, THUMB, interpolation=cv2.INTER_AREA))
    return cv2.merge(small)


def _whole(plane: np.ndarray, rows: int) -> np.ndarray:
    height, width = plane.shape
    if height > rows:
        some = slice(None, None, height // rows) if height % rows == 0 else None
        plane = plane[np.arange(rows) * height // rows if some is None else some]
    left = width % THUMB[0]
    return plane[:, left // 2 : width - (left + 1) // 2] if left <= _SIDES * width else plane


def read(
    file: BinaryIO, reading: Reading, options: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Frame]:
    """Yield the frames of the first video stream by their times; fill `reading` on the way.

    A cover, a picture attached to a song or a film, is no video stream.

    A file that cannot be read to its end is told in `reading`, never raised: `empty`,
    `not_a_video`, `no_video_stream`, `damaged` or `cut_tail` (everything ends before the duration
    that the container declares).

    Args:
        options: the decoder's, by FFmpeg's names, for example `ROUGH`.
    """
    start = file.read(32)
    file.seek(0)
    if not start:
        return reading.fail("empty", "no bytes at all")
    if sniff(start).startswith("image/"):
        return reading.fail("not_a_video", f"a picture: {sniff(start)}")
    try:
        container = av.open(file, "r", metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        reason = "damaged" if sniff(start) else "not_a_video"
        return reading.fail(reason, f"cannot be opened: {_words(error)}")
    with container:
        if (stream := _pictures(container)) is None:
            return reading.fail("no_video_stream", f"{len(container.streams)} other streams")
        yield from _Reader(container, stream, reading, options).frames()
        if reading.frames == 0:
            reading.fail("damaged", "no frame could be decoded")


class _Reader:
    """One open container: what it declares, and how far its packets really go."""

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.VideoStream,
        reading: Reading,
        options: Mapping[str, str],
    ) -> None:
        self.container, self.stream, self.reading = container, stream, reading
        stream.thread_type = "AUTO"
        stream.codec_context.options = dict(options)
        self.base = stream.time_base or Fraction(1, 1)
        self.rate = stream.average_rate or Fraction(0)
        reading.codec = stream.codec_context.name
        reading.fps = f"{self.rate.numerator}/{self.rate.denominator}"
        self.of_stream = bool(stream.duration)
        declared = Fraction(container.duration or 0, av.time_base)
        self.declared = stream.duration * self.base if stream.duration else declared
        reading.declared_s = round(float(self.declared), 6) or None
        self.reached: dict[Fraction, int] = {}  # time base -> where the packets end in it

    def frames(self) -> Iterator[Frame]:
        start = last = None
        time = Fraction(0)
        for raw in self._decoded():
            if raw.pts is None:
                continue
            if last is not None and raw.pts <= last:
                self.reading.fail("damaged", f"time goes back at {float(time):.3f} s")
                continue
            start, last = raw.pts if start is None else start, raw.pts
            time = (raw.pts - start) * self.base
            frame = Frame(raw.pts, time, bool(raw.key_frame), raw)
            self._note(frame)
            yield frame
        if self.reading.frames:
            self._judge_tail(time)

    def _decoded(self) -> Iterator[av.VideoFrame]:
        packets = self.container.demux()
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                if packet.pts is not None and packet.time_base:
                    end = packet.pts + (packet.duration or 0)
                    self.reached[packet.time_base] = max(self.reached.get(packet.time_base, 0), end)
                frames = packet.decode() if packet.stream is self.stream else []
            except av.FFmpegError as error:  # garbage in the middle: the rest may be sound
                self.reading.fail("damaged", f"{_words(error)} after frame {self.reading.frames}")
                continue
            yield from (f for f in frames if isinstance(f, av.VideoFrame))

    def _note(self, frame: Frame) -> None:
        if self.reading.frames == 0:
            size = (frame.raw.width, frame.raw.height)
            shown = size[::-1] if frame.turns % 2 else size
            self.reading.width_px, self.reading.height_px = shown
        self.reading.frames += 1
        self.reading.last_s = round(float(frame.time), 6)
        if frame.raw.is_corrupt:
            self.reading.fail("damaged", f"a frame at {float(frame.time):.3f} s")

    def _judge_tail(self, last: Fraction) -> None:
        """Tell a cut tail: a sound track may be longer than its picture, so it counts as well."""
        reached = (ticks * base for base, ticks in self.reached.items())
        end = last if self.of_stream else max(last, *reached)
        spare = max(_MARGIN_S, 3 / self.rate if self.rate else Fraction(0))
        if self.declared - spare > end:
            told = f"{float(last):.3f} s of {float(self.declared):.3f} s"
            self.reading.fail("cut_tail", told)


def _pictures(container: av.container.InputContainer) -> av.VideoStream | None:
    """Return the first video stream that is no cover, or None."""
    covers = Disposition.attached_pic
    return next((s for s in container.streams.video if not s.disposition & covers), None)


def _words(error: Exception) -> str:
    """Return what FFmpeg says without file names and numbers of the system."""
    return str(getattr(error, "strerror", None) or error).splitlines()[0][:160]
