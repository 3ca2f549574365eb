"""Frames that hold two moments, every other row one: made into pictures of one moment."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import av
from av.filter import Graph

from memegan.video.read import Frame


def deinterlaced(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Yield as many frames with the same times; rows are woven by FFmpeg's bwdif.

    A frame that is not marked as interlaced stays as it is.
    """
    waiting: deque[Frame] = deque()
    graph: Graph | None = None
    kind: tuple[int, int, str] | None = None
    for frame in frames:
        now = (frame.raw.width, frame.raw.height, frame.raw.format.name)
        if graph is None or now != kind:
            if graph is not None:
                yield from _ready(graph, waiting, is_end=True)
            graph, kind = _graph(frame.raw), now
        waiting.append(frame)
        graph.push(frame.raw)
        yield from _ready(graph, waiting)
    if graph is not None:
        yield from _ready(graph, waiting, is_end=True)


def _ready(graph: Graph, waiting: deque[Frame], is_end: bool = False) -> Iterator[Frame]:
    """Yield what the filter has done; it needs the next frame for the one before."""
    if is_end:
        graph.push(None)
    while waiting:
        try:
            done = graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield replace(waiting.popleft(), raw=done)


def _graph(raw: av.VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=raw.width, height=raw.height, format=raw.format, time_base=raw.time_base
    )
    weave = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(weave)
    weave.link_to(sink)
    graph.configure()
    return graph
