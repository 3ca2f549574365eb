"""A video in, a video out: the same times, the same sound, other pictures."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import numpy as np

from memegan.errors import DataError, ParamsError
from memegan.video.read import Frame, Reading, read

if TYPE_CHECKING:
    Packet = av.Packet[av.AudioStream]
Change = Callable[[np.ndarray], np.ndarray]
_BASE = Fraction(1, 60_000)  # MPEG-4 counts time in 16 bits; all usual rates are multiples
_VP9 = {"deadline": "good", "cpu-used": "4", "crf": "24", "b:v": "0", "row-mt": "1"}
PICTURE = {  # encoders that no GPL code comes with
    ".mp4": ("mpeg4", {"qmin": "2", "qmax": "5"}),
    ".mkv": ("libvpx-vp9", _VP9),
    ".webm": ("libvpx-vp9", _VP9),
}
_COPIED = {
    ".mp4": {"aac", "mp3", "ac3", "alac"},
    ".mkv": {"aac", "mp3", "ac3", "flac", "opus", "vorbis"},
    ".webm": {"opus", "vorbis"},
}
_SOUND = {".mp4": "aac", ".mkv": "libopus", ".webm": "libopus"}  # where it cannot be copied
_HERTZ = 48_000
KINDS = tuple(PICTURE)


def changed(source: Path, target: Path, change: Change, about: str) -> Reading:
    """Write `target`, each frame of `source` changed, at its time; the sound is kept.

    Args:
        target: .mp4, .mkv or .webm.
        change: maps (H, W, 3) uint8 to (H', W', 3) uint8, the same size for each frame.
        about: what the file says of itself: that it was generated, and by what.

    Returns:
        what reading told; of a damaged source as much as can be read is written.

    Raises:
        ParamsError: another kind of file is asked for.
        DataError: not one frame can be read.
    """
    if target.suffix not in KINDS:
        raise ParamsError(
            f"videos of kind '{target.suffix}' are not written",
            where=target.as_posix(),
            fix=f"choose one of: {', '.join(KINDS)}",
        )
    reading = Reading()
    part = target.with_name(f"{target.stem}.part{target.suffix}")
    try:
        with source.open("rb") as file, av.open(str(part), "w") as out:
            out.metadata["comment"] = about
            film = _Film(out, target.suffix)
            sound = _Sound(source, out, target.suffix)
            with sound.closing:
                for frame in read(file, reading):
                    film.add(frame, change)
                    sound.up_to(film.time)
                if reading.frames:
                    sound.up_to(None)
                    film.end()
        if not reading.frames:
            raise DataError(
                f"no frame can be read: {reading.reason}: {reading.detail}",
                where=source.as_posix(),
                fix="memegan doctor tells which codecs are there",
            )
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return reading


class _Film:
    """The picture track; it begins with the first frame, which says how large it is."""

    def __init__(self, out: av.container.OutputContainer, kind: str) -> None:
        self.out, self.kind, self.time = out, kind, Fraction(0)
        codec, options = PICTURE[kind]
        self.stream = cast("av.VideoStream", out.add_stream(codec, rate=30, options=options))
        self.stream.pix_fmt = "yuv420p"
        self.stream.codec_context.time_base = _BASE

    def add(self, frame: Frame, change: Change) -> None:
        pixels = change(frame.rgb())
        pixels = np.pad(
            pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), "edge"
        )
        if not self.stream.codec_context.is_open:
            self.stream.height, self.stream.width = pixels.shape[:2]
        self.time = Fraction(frame.pts) * (frame.raw.time_base or Fraction(1))
        raw = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        raw.pts, raw.time_base = round(self.time / _BASE), _BASE
        self.out.mux(self.stream.encode(raw))

    def end(self) -> None:
        self.out.mux(self.stream.encode(None))


class _Sound:
    """The first sound track: copied where the file may hold it as it is, else encoded anew."""

    def __init__(self, source: Path, out: av.container.OutputContainer, kind: str) -> None:
        self.out, self.closing = out, ExitStack()
        self.resampler: av.AudioResampler | None = None
        self.packets: Iterator[Packet] = iter(())
        with suppress(av.FFmpegError, ValueError):  # what is wrong with the file, `read` tells
            heard = self.closing.enter_context(av.open(str(source), metadata_errors="replace"))
            if heard.streams.audio:
                self._begin(heard, heard.streams.audio[0], kind)
        self.next = self._packet()

    def _begin(self, heard: av.container.InputContainer, track: av.AudioStream, kind: str) -> None:
        if track.codec_context.name in _COPIED[kind]:
            self.stream = self.out.add_stream_from_template(track)
        else:
            added = self.out.add_stream(_SOUND[kind], rate=_HERTZ)
            self.stream = cast("av.AudioStream", added)
            self.resampler = av.AudioResampler("fltp", "stereo", _HERTZ)
        self.packets = (packet for packet in heard.demux(track) if packet.dts is not None)

    def _packet(self) -> "Packet | None":
        try:
            return next(self.packets, None)
        except av.FFmpegError:  # garbage in the middle: the sound ends there
            return None

    def up_to(self, time: Fraction | None) -> None:
        """Bring the sound as far as the picture is; None: to its end."""
        while self.next is not None and (time is None or self._time(self.next) <= time):
            if self.resampler is None:
                self.next.stream = self.stream
                self.out.mux(self.next)
            else:
                self._encode(self.resampler, self.next)
            self.next = self._packet()
        if time is None and self.resampler is not None:
            self._mux(self.resampler.resample(None))
            self.out.mux(self.stream.encode(None))

    def _encode(self, resampler: av.AudioResampler, packet: "Packet") -> None:
        with suppress(av.FFmpegError):  # a damaged packet is a gap
            for frame in packet.decode():
                self._mux(resampler.resample(frame))

    def _mux(self, frames: list[av.AudioFrame]) -> None:
        for frame in frames:
            self.out.mux(self.stream.encode(frame))

    @staticmethod
    def _time(packet: "Packet") -> Fraction:
        return Fraction(packet.dts or 0) * packet.time_base
