"""Shots of generated clips with known transitions: ours against PySceneDetect's detectors.

A sample is one clip, made from a seed: 30 s at 24 fps, 640x360, H.264. All sides open the
file and find its shots; ours finds the times, the bars and the damage on the way. `flashes` holds
hard cuts and two white frames in every third shot. `all` holds cuts, fades through black,
dissolves, shake, pans, zooms, still shots, cartoons on twos, things that pass, flashes and flicker.
A cut is found within one frame, a fade or a dissolve where one start lies in it, one frame more on
either side; every further start is false. The thresholds were set on other seeds than these.
Beside the time that passes stands the time of processors: other work on the machine moves it less.

PySceneDetect runs with the defaults of its detectors in an environment of its own, in one process
that stays, so that its start is not timed: uv makes it at the first run.
"""

import atexit
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from tempfile import gettempdir

import av
import cv2
import numpy as np

from memegan.benches import Case, Sample, bootstrap_median
from memegan.demo.world import draw, scene
from memegan.video.params import FramesParams
from memegan.video.sample import survey

WIDTH, HEIGHT, FPS, FRAMES = 640, 360, 24, 720
SEED = 300  # of the first clip; thresholds were set on those from 100 and from 1000 on
SIDE_PX = 900  # of the drawing that the camera moves over
PEER = ("scenedetect==0.7", "av==18.1.0", "opencv-python-headless==5.0.0.93")
DETECTORS = ("Content", "Adaptive", "Hash", "Histogram")
WORKER = """
import json, sys, time
import scenedetect
for line in sys.stdin:
    path, detector, backend = json.loads(line)
    begin = time.process_time()
    video = scenedetect.open_video(path, backend=backend)
    manager = scenedetect.SceneManager()
    manager.add_detector(getattr(scenedetect, detector + "Detector")())
    manager.detect_scenes(video)
    starts = [start.frame_num for start, _ in manager.get_scene_list()[1:]]
    print(json.dumps([starts, time.process_time() - begin]), flush=True)
"""


@dataclass(frozen=True)
class Transition:
    """Frames `first` to `last` in which one shot becomes the next; one frame for a cut."""

    first: int
    last: int
    kind: str


@dataclass(frozen=True)
class Clip:
    """A file, and what is true of it."""

    path: Path
    transitions: tuple[Transition, ...]


class Shot:
    """A drawing and the camera that looks at it: the picture of any frame, (H, W, 3) uint8."""

    def __init__(self, rng: np.random.Generator, kind: str) -> None:
        self.kind = kind
        self.on_twos = bool(rng.random() < 0.5)
        what = scene(int(rng.integers(2**31)))
        drawn = draw(what, "cartoon", SIDE_PX) if self.on_twos else draw(what, "photo", 320)
        self.base = cv2.resize(np.asarray(drawn), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
        self.grain = 0.0 if self.on_twos else float(rng.uniform(0, 4))
        self.speed = rng.uniform(-2, 2, 2) if kind == "pan" else np.zeros(2)
        self.zoom = float(rng.uniform(-0.002, 0.002)) if kind == "zoom" else 0.0
        self.shake = np.cumsum(rng.normal(0, 5, (FRAMES, 3)), axis=0) if kind == "shake" else None
        self.passes = tuple(rng.uniform(-12, 12, 2)) if rng.random() < 0.4 else None
        self.colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        self.noise = rng.normal(0, 1, (HEIGHT + 64, WIDTH + 64, 1)).astype(np.float32)

    def picture(self, n: int) -> np.ndarray:
        """Return the picture `n` frames after the shot's own first one."""
        k = n // 2 * 2 if self.on_twos else n
        shake = np.zeros(3) if self.shake is None else 12 * np.sin(self.shake[k % FRAMES] / 12)
        matrix = cv2.getRotationMatrix2D((450, 450), shake[2] / 12, 1 + self.zoom * k)
        matrix[:, 2] += (WIDTH - SIDE_PX) / 2 + self.speed[0] * k / 2 + shake[0], 0
        matrix[1, 2] += (HEIGHT - SIDE_PX) / 2 + self.speed[1] * k / 2 + shake[1]
        out = cv2.warpAffine(self.base, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        if self.passes is not None:
            at = (round(320 + self.passes[0] * (k - 30)), round(200 + self.passes[1] * (k - 30)))
            cv2.circle(out, at, 70, self.colour, -1)
            cv2.circle(out, at, 70, (20, 20, 20), 5)
        if self.grain:
            y, x = (n * 37) % 64, (n * 23) % 64
            noise = self.grain * self.noise[y : y + HEIGHT, x : x + WIDTH]
            out = (out + noise).clip(0, 255).astype(np.uint8)
        return np.asarray(out)


def pictures(seed: int, kind: str) -> tuple[Iterator[np.ndarray], tuple[Transition, ...]]:
    """Return the pictures of a clip as they are asked for, and its transitions."""
    rng = np.random.default_rng((seed, len(kind)))
    kinds = ["cut"] if kind == "flashes" else ["cut", "cut", "fade", "dissolve"]
    plan, made, at = [], [], 0
    while True:
        length = int(rng.integers(36, 76))
        how = str(rng.choice(kinds))
        span = {"cut": 0, "fade": int(rng.integers(12, 40)), "dissolve": int(rng.integers(8, 32))}
        if at + length + span[how] + 40 > FRAMES:
            break
        plan.append((at + length, how, span[how]))
        made.append(Transition(at + length, at + length + span[how], how))
        at += length + span[how]
    moves = ["still", "pan", "zoom", "shake"]
    shots = [Shot(rng, str(rng.choice(moves))) for _ in range(len(plan) + 1)]
    lights = _lights(rng, kind, [0, *(t.last for t in made)], [*(t.first for t in made), FRAMES])
    return _shown(plan, shots, lights), tuple(made)


def _lights(
    rng: np.random.Generator, kind: str, begins: Sequence[int], ends: Sequence[int]
) -> dict[int, float]:
    """Return how bright the frames are that are lit otherwise: 0 white, above 0 a gain."""
    found: dict[int, float] = {}
    for k, (first, end) in enumerate(zip(begins, ends, strict=True)):
        at = int(rng.integers(first + 8, end - 10))
        if k % 3 == 1:
            found |= {at: 0.0, at + 1: 0.0}
        elif kind == "all" and k % 3 == 2:
            found |= {at + n: float(rng.uniform(0.75, 1.3)) for n in range(6)}
    return found


def _shown(
    plan: Sequence[tuple[int, str, int]], shots: Sequence[Shot], lights: Mapping[int, float]
) -> Iterator[np.ndarray]:
    begins = [0, *(at for at, _, _ in plan)]
    for n in range(FRAMES):
        k = sum(at <= n for at, _, _ in plan)  # the shot that has begun last
        new = shots[k].picture(n - begins[k])
        at, how, span = plan[k - 1] if k else (0, "cut", 0)
        if n < at + span:
            share = (n - at + 1) / (span + 1)
            old = shots[k - 1].picture(n - begins[k - 1]).astype(np.float32)
            if how == "dissolve":
                new = ((1 - share) * old + share * new).astype(np.uint8)
            else:
                old, late = old * max(0.0, 1 - 2.4 * share), max(0.0, 2.4 * share - 1.4)
                new = (old + late * new).clip(0, 255).astype(np.uint8)
        light = lights.get(n, 1.0)
        if light != 1.0:
            new = (new * light).clip(0, 255).astype(np.uint8) if light else np.full_like(new, 255)
        yield new


def clip(seed: int, kind: str, folder: Path) -> Clip:
    """Encode a clip, once."""
    shown, made = pictures(seed, kind)
    path = folder / f"{kind}-{seed}.mp4"
    if not path.exists():
        part = path.with_suffix(".part.mp4")
        with av.open(str(part), "w") as container:
            stream = container.add_stream("libx264", rate=FPS)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.options = {"preset": "veryfast", "crf": "23"}
            stream.codec_context.time_base = Fraction(1, FPS)
            for n, picture in enumerate(shown):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = n, Fraction(1, FPS)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        part.replace(path)
    return Clip(path, made)


def ours(path: Path) -> tuple[list[int], float]:
    """Return the first frames of all shots but the first, by the defaults of `frames`.

    And the seconds of processors that it took.
    """
    begin = time.process_time()
    shots = survey(lambda: path.open("rb"), FramesParams()).shots[1:]
    return [shot.first for shot in shots], time.process_time() - begin


def reference(path: Path, detector: str, backend: str) -> tuple[list[int], float]:
    """Ask PySceneDetect for the same."""
    worker = _worker()
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps([str(path), detector, backend]) + "\n")
    worker.stdin.flush()
    starts, cpu_s = json.loads(worker.stdout.readline())
    return starts, cpu_s


@cache
def _worker() -> "subprocess.Popen[str]":
    wanted = [word for name in PEER for word in ("--with", name)]
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "run", "--quiet", "--no-project", "--python", sys.executable, *wanted]
    worker = subprocess.Popen(
        [*command, "python", "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(worker.terminate)
    return worker


def score(found: Sequence[int], truth: Sequence[Transition]) -> tuple[int, int, int]:
    """Return how many are found, how many starts are false, how many are missed."""
    left = list(found)
    hits = 0
    for one in truth:
        inside = [n for n in left if one.first - 1 <= n <= one.last + 1]
        if inside:
            hits += 1
            left.remove(inside[0])
    return hits, len(left), len(truth) - hits


@dataclass(frozen=True)
class Detection:
    """Times and hits of all sides, clip by clip; who begins changes each time.

    `ratio` is the time of ours over that of the fastest peer; `peers` holds each one's.
    """

    cases: Mapping[str, Case]
    params: Case = field(default_factory=dict)
    least: int = 20
    target: str = ""

    @contextmanager
    def sampler(self, case: Case) -> Iterator[Callable[[int], Sample]]:
        """Give what lets all sides find the shots of a clip."""
        kind = str(case["clips"])

        def sample(number: int) -> Sample:
            made = clip(SEED + number, kind, _folder())
            names = list(SIDES)[number % len(SIDES) :] + list(SIDES)[: number % len(SIDES)]
            taken: Sample = {}
            for name in names:
                start = time.perf_counter()
                found, cpu_s = SIDES[name](made.path)
                taken[f"{name} s"] = round(time.perf_counter() - start, 6)
                taken[f"{name} cpu s"] = round(cpu_s, 6)
                counts = score(found, made.transitions)
                taken |= {f"{name} {w}": n for w, n in zip(COUNTS, counts, strict=True)}
            return taken

        for side in SIDES.values():
            side(clip(SEED, kind, _folder()).path)
        yield sample

    def summary(self, samples: Sequence[Sample]) -> Mapping[str, object]:
        """Median ratios of times with their 95 % intervals, frames a second, F1 over all clips."""
        peers = {name: _told(name, samples) for name in SIDES}
        own = peers.pop("ours")
        fastest = max(peers.values(), key=lambda peer: peer["fps"])
        most = max(peers.values(), key=lambda peer: peer["f1"])
        ratio = {name: fastest[name] for name in ("ratio", "low", "high")}
        return {**ratio, "ratio to the most accurate": most["ratio"], "ours": own, "peers": peers}


SIDES: dict[str, Callable[[Path], tuple[list[int], float]]] = {
    "ours": ours,
    **{name: partial(reference, detector=name, backend="opencv") for name in DETECTORS},
    "Hash, pyav": partial(reference, detector="Hash", backend="pyav"),
}
COUNTS = ("hits", "false", "missed")


def _told(name: str, samples: Sequence[Sample]) -> dict[str, float]:
    """Say how one side did: time of ours over its time, its frames a second, and its F1."""
    own, times = (np.array([float(s[f"{side} s"]) for s in samples]) for side in ("ours", name))
    spent = [float(s["ours cpu s"]) / float(s[f"{name} cpu s"]) for s in samples]
    ratio, low, high = bootstrap_median(own / times)
    hits, false, missed = (sum(int(s[f"{name} {word}"]) for s in samples) for word in COUNTS)
    fps, f1 = FRAMES / float(np.median(times)), 2 * hits / (2 * hits + false + missed)
    found = {"ratio": ratio, "low": low, "high": high, "fps": fps, "f1": f1}
    found |= {"hits": hits, "false": false, "missed": missed, "cpu ratio": float(np.median(spent))}
    return {key: float(f"{value:.6g}") for key, value in found.items()}


@cache
def _folder() -> Path:
    """Return where the clips of this generator lie: they are made once."""
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    folder = Path(gettempdir(), f"memegan-clips-{code}")
    folder.mkdir(exist_ok=True)
    return folder


BENCH = Detection(
    {kind: {"clips": kind} for kind in ("flashes", "all")},
    params={"peer": list(PEER), "seed": SEED, "frames": FRAMES, "size_px": [WIDTH, HEIGHT]},
    target="at most 1, and 0.5 of the most accurate; F1 ≥ 0.98, above theirs",
)
