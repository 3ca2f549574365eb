"""What a sampled frame is left out for, what is hidden in it, and odd encodings."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.images.pictures import drawn, encoded
from tests.video.clips import FPS, HEIGHT, WIDTH, Pictures, clip, flat, seen, shot, turn

from memegan.video.credits import text_share
from memegan.video.masks import covered, filled
from memegan.video.params import FramesParams, Mask
from memegan.video.read import Reading, read
from memegan.video.sample import Sampled, sample


def sampled(path: Path, **values: object) -> list[Sampled]:
    p = FramesParams.model_validate({"every_s": "1/12", **values})
    return list(sample(lambda: path.open("rb"), seen(path, p), p))


def reasons(path: Path, **values: object) -> list[str]:
    return [one.reason for one in sampled(path, **values)]


def pixels(one: Sampled) -> np.ndarray:
    assert one.pixels is not None
    return one.pixels


# --- steps as exact fractions


@pytest.mark.parametrize(
    ("given_", "exact"),
    [(0.1, "1/10"), ("24000/1001", "24000/1001"), (2, "2"), ("0.04", "1/25"), (1e-3, "1/1000")],
)
def test_steps_are_read_as_the_fractions_that_people_mean(given_: object, exact: str) -> None:
    p = FramesParams.model_validate({"fps": given_, "every_s": given_})
    assert p.fps == p.every_s == Fraction(exact)


@pytest.mark.parametrize("wrong", [0, -1, "a", "1/0", "", float("nan"), float("inf")])
def test_a_step_that_is_no_time_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="every_s"):
        FramesParams.model_validate({"every_s": wrong})


def test_ntsc_steps_hit_every_frame_of_ntsc_film(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(24000, 1001))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in shot(1, 48, 4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    found = sampled(path, sample="fps", fps="24000/1001", repeat_luma=0)
    assert [one.time for one in found] == [Fraction(1001 * n, 24000) for n in range(48)]


# --- fades, credits


def test_frames_of_a_fade_and_of_a_dissolve_go_where_the_params_say_so(tmp_path: Path) -> None:
    a, b, c = shot(1, 24), shot(2, 30), shot(3, 24)
    shares = [(n + 1) / 9 for n in range(8)]
    mixed = [((1 - s) * a[0] + s * b[0]).astype(np.uint8) for s in shares]
    down = [(b[0] * (1 - s)).astype(np.uint8) for s in shares]
    path = clip(tmp_path / "a.mp4", [*a, *mixed, *b, *down, *flat(0, 4), *c])
    told = reasons(path, repeat_luma=0, keep_fades=False)
    fades = {n for n, reason in enumerate(told) if reason == "fade"}
    assert set(range(25, 31)) <= fades <= set(range(22, 34)) | set(range(61, 76))
    assert set(range(63, 69)) <= fades
    assert "fade" not in reasons(path, repeat_luma=0)


LINES = [
    "Written by Ann Example",
    "Drawn by Bob Example",
    "Music: Cleo Sample",
    "Sound: Dan Sample",
]


def credits_(count: int, width: int = 320, height: int = 180, light: int = 235) -> np.ndarray:
    """A card of lines of text, some words long, light on dark or the other way round."""
    card = np.full((height, width, 3), 255 - light, np.uint8)
    for n in range(count):
        place, size = (round(width * 0.12), round(height * (n + 1) / (count + 1))), height / 360
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(card, LINES[n % 4], place, font, size, (light,) * 3, 1, cv2.LINE_AA)
    return card


@pytest.mark.parametrize("light", [235, 20])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_credits_have_much_text_at_any_size_and_polarity(light: int, scale: int) -> None:
    card = cv2.cvtColor(credits_(8, 320 * scale, 180 * scale, light), cv2.COLOR_RGB2GRAY)
    assert text_share(np.asarray(card)) > 0.08


@given(st.integers(0, 200))
def test_scenes_and_noise_have_no_text(seed: int) -> None:
    scene = cv2.cvtColor(drawn(seed, 320, 180), cv2.COLOR_RGB2GRAY)
    noise = np.random.default_rng(seed).integers(0, 256, (180, 320), np.uint8)
    assert text_share(np.asarray(scene)) < 0.03
    assert text_share(noise) < 0.03


def test_credits_are_left_out_where_the_params_say_so(tmp_path: Path) -> None:
    scene = drawn(4, 320, 180)
    path = clip(tmp_path / "a.mp4", [scene] * 6 + [credits_(8)] * 6)
    assert set(reasons(path, max_text=0.08)[6:]) == {"credits"}
    assert reasons(path)[6] == ""
    assert reasons(path, max_text=0.08)[:6] == ["", *["repeat"] * 5]


# --- masks


@given(st.integers(4, 40), st.integers(4, 40), st.integers(0, 3))
def test_a_mask_covers_its_share_as_shown_whatever_the_turn(h: int, w: int, turns: int) -> None:
    mask = Mask(left=0.5, top=0.75, right=1.0, bottom=1.0)
    hidden = covered(h, w, [mask], turns)
    assert hidden.shape == (h, w)
    shown = np.rot90(hidden, turns)
    high, wide = shown.shape
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    assert (rows[0], rows[-1]) == (int(0.75 * high), high - 1)
    assert (columns[0], columns[-1]) == (wide // 2, wide - 1)
    assert shown[rows[0] :, columns[0] :].all()


def test_what_is_hidden_is_made_up_from_around_and_the_rest_stays() -> None:
    picture = np.full((40, 60, 3), 90, np.uint8)
    logo = picture.copy()
    logo[4:12, 44:56] = 255
    hidden = covered(40, 60, [Mask(left=0.7, top=0.05, right=0.95, bottom=0.35)])
    assert np.abs(filled(logo, hidden).astype(int) - picture).max() <= 2
    assert np.array_equal(filled(logo, hidden)[~hidden], logo[~hidden])
    assert np.array_equal(filled(logo, np.zeros_like(hidden)), logo)


def test_a_changing_subtitle_under_a_mask_makes_no_new_frame(tmp_path: Path) -> None:
    made: Pictures = []
    for n in range(6):
        picture = drawn(3, 320, 180).clip(40, 200).astype(np.uint8)
        picture[150:174, 20 * n : 20 * n + 150] = 235
        made.append(picture)
    path = clip(tmp_path / "a.mp4", made)
    below = {"left": 0, "top": 0.8, "right": 1, "bottom": 1}
    assert reasons(path)[1:] == [""] * 5
    assert reasons(path, masks=[below]) == ["", *["repeat"] * 5]
    (first, *_) = sampled(path, masks=[below])
    assert pixels(first)[150:174].max() < 225
    assert np.abs(pixels(first)[:140].astype(int) - made[0][:140]).mean() < 6


def test_masks_that_have_no_area_are_refused() -> None:
    with pytest.raises(ValueError, match="left < right"):
        Mask(left=0.5, top=0, right=0.5, bottom=1)


# --- odd encodings


def woven(count: int) -> Pictures:
    """Pictures that hold two moments each: even rows of one, odd rows of the next."""
    wide = drawn(7, WIDTH + 8 * count, HEIGHT)
    fields = [wide[:, 4 * n : 4 * n + WIDTH] for n in range(2 * count)]
    made = [np.ascontiguousarray(first) for first in fields[::2]]
    for picture, second in zip(made, fields[1::2], strict=True):
        picture[1::2] = second[1::2]
    return made


def comb(picture: np.ndarray) -> float:
    rows = picture.astype(float)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


def test_interlaced_frames_are_made_of_one_moment_and_keep_their_times(tmp_path: Path) -> None:
    made = woven(12)
    options = {"x264-params": "tff=1", "crf": "8"}
    path = clip(tmp_path / "a.mp4", made, options=options)
    found = sampled(path, repeat_luma=0, crop_bars=False)
    assert [one.time * FPS for one in found] == list(range(12))
    assert max(comb(pixels(one)) for one in found[1:-1]) < 0.5 * min(comb(p) for p in made[1:-1])
    plain = clip(tmp_path / "b.mp4", made, options={"crf": "8"})
    assert comb(pixels(sampled(plain, repeat_luma=0)[5])) > 0.6 * comb(made[5])


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [("ffv1", "yuv420p10le"), ("ffv1", "yuv444p"), ("ffv1", "gray"), ("libx264", "yuv420p10le")],
)
def test_ten_bits_and_other_planes_give_the_same_pictures(
    tmp_path: Path, codec: str, pix_fmt: str
) -> None:
    made = shot(1, 12, 2) + shot(2, 12)
    path = clip(tmp_path / "a.mkv", made, codec=codec, pix_fmt=pix_fmt)
    assert [one.first for one in seen(path).shots] == [0, 12]
    (first, *_) = sampled(path)
    expected = made[0]
    if pix_fmt == "gray":
        expected = np.repeat(np.asarray(cv2.cvtColor(made[0], cv2.COLOR_RGB2GRAY))[..., None], 3, 2)
    assert np.abs(pixels(first).astype(int) - expected).mean() < 8


@pytest.mark.parametrize("size", [(95, 63), (33, 13), (854, 480), (1000, 562)])
def test_odd_and_wide_sizes_are_sampled_whole(tmp_path: Path, size: tuple[int, int]) -> None:
    made = [drawn(n // 6, *size) for n in range(12)]
    path = clip(tmp_path / "a.mkv", made, codec="ffv1", pix_fmt="yuv444p")
    kept = [one for one in sampled(path, crop_bars=False) if not one.reason]
    assert [pixels(one).shape for one in kept] == [(size[1], size[0], 3)] * 2
    for one, picture in zip(kept, made[::6], strict=True):
        assert np.abs(pixels(one).astype(int) - picture).mean() < 3


def test_a_turned_video_is_masked_and_cropped_as_it_is_shown(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", [p.clip(60, 255).astype(np.uint8) for p in shot(1, 8)])
    turn(path)
    (plain, *_) = sampled(path)
    (masked, *_) = sampled(path, masks=[{"left": 0, "top": 0, "right": 1, "bottom": 0.25}])
    assert pixels(masked).shape == (WIDTH, HEIGHT, 3)
    same = (pixels(plain) == pixels(masked)).all(axis=(1, 2))
    assert same[WIDTH // 4 + 1 :].all()
    assert not same[: WIDTH // 4].any()


def test_a_cover_is_no_video_stream(tmp_path: Path) -> None:
    song, film = tmp_path / "a.mp4", tmp_path / "b.mp4"
    cover = encoded(drawn(9, 60, 60), "JPEG")
    assert ends(with_cover(song, cover, [])) == ("failed", "no_video_stream", 0)
    assert ends(with_cover(film, cover, shot(1, 6))) == ("ok", "", 6)


def with_cover(path: Path, cover: bytes, pictures: Pictures) -> Path:
    """A file with a picture attached as its first video stream."""
    with av.open(str(path), "w") as container:
        art = container.add_stream("mjpeg", rate=1)
        assert isinstance(art, av.VideoStream)
        art.width, art.height, art.pix_fmt = 60, 60, "yuvj420p"
        art.disposition = av.stream.Disposition.attached_pic
        film = container.add_stream("libx264", rate=FPS) if pictures else None
        tone = container.add_stream("aac", rate=8000, layout="mono")
        container.start_encoding()
        packet = av.Packet(cover)
        packet.stream, packet.pts, packet.dts, packet.time_base = art, 0, 0, Fraction(1, FPS)
        container.mux(packet)
        for n, picture in enumerate(pictures):
            assert isinstance(film, av.VideoStream)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            container.mux(film.encode(frame))
        if film is not None:
            container.mux(film.encode(None))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.rate, sound.pts = 8000, 0
        container.mux(tone.encode(sound))
        container.mux(tone.encode(None))
    return path


def ends(path: Path) -> tuple[str, str, int]:
    reading = Reading()
    with path.open("rb") as file:
        for _ in read(file, reading):
            pass
    return reading.status, reading.reason, reading.frames


def test_every_of_several_streams_but_the_first_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("ffv1", rate=FPS) for _ in range(2)]
        for stream in streams:
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv444p"
        for n, pair in enumerate(zip(shot(1, 6), flat(90, 6), strict=True)):
            for stream, picture in zip(streams, pair, strict=True):
                assert isinstance(stream, av.VideoStream)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = n, Fraction(1, FPS)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    found = sampled(path)
    assert np.abs(pixels(found[0]).astype(int) - shot(1, 1)[0]).mean() < 3
