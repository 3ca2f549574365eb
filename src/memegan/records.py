"""The rows of every CSV file that passes between stages (docs/files.md is made from this)."""

from dataclasses import dataclass, field
from typing import Literal

from memegan.tables import column

Split = Literal["train", "val", "test"]
Level = Literal["exact", "same", "template"]
Rule = Literal["communities", "min_side_px", "aspect", "text_share", "keep_clusters", "nearest"]
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

# What a file is and where it lies, and where it came from: the same columns in several tables.
_ID = ("first 16 hex digits of the origin's sha256 (or of sha256 and rect)", SHA[:16])
_PACK = ("pack file, relative to the project", "data/raw/packs/2026-11-21-0000.tar")
_MEMBER = ("member of the pack: sha256 and extension", f"{SHA}.png")
_DOMAIN = ("what it shows, free text set by the source; runs choose by it", "photo")
_SOURCE = ("kind of source", "demo")
_COMMUNITY = ("who published it", "holiday_photos")
_POST = ("post, unique over all sources", "demo:holiday_photos:12")
_URL = ("where it was asked for", "http://demo.invalid/media/holiday_photos/12-0.png")
_POSTED = ("when it was posted, as the source says, in UTC", "2026-01-31T12:00:00Z")
_FETCHED = ("snapshot in which the file first came", "2026-11-21")
_LICENCE = ("licence as the source states it, or empty", "CC0-1.0")
_CREDIT = ("name to print where the licence asks for it, else empty", "")
_CAPTION = ("text of the post", "me on monday")
FRAME = "frame "  # and its number: the part of an animation that counts
_RECT = (
    "part of the file that counts: x0,y0,x1,y1 in pixels; `frame 3` of an animation; or empty: "
    "all of a picture, the first frame",
    "",
)
_TEMPLATE = ("group of pictures alike but for caption or edits: its oldest member's id", SHA[:16])


@dataclass(frozen=True)
class PostRow:
    """data/raw/posts.csv: one post; media are in fetches.csv under its `post_id`."""

    post_id: str = column(*_POST, unique=True)
    source: str = column(*_SOURCE)
    community: str = column(*_COMMUNITY)
    domain: str = column(*_DOMAIN)
    posted_at: str = column(*_POSTED)
    licence: str = column(*_LICENCE)
    credit: str = column(*_CREDIT)
    permalink: str = column("page of the post, or empty", "http://demo.invalid/wall/12")
    media: int = column("number of media urls", 1, low=0)
    text: str = column(*_CAPTION)
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FetchRow:
    """data/raw/fetches.csv: one url of a post, fetched or not, in source order."""

    url: str = column(*_URL)
    final_url: str = column("where redirects ended", "http://demo.invalid/media/12-0.png")
    status: Literal["ok", "failed", "skipped"] = column("how it ended", "ok")
    reason: str = column("stable code where it is not ok, else empty", "gone")
    content_type: str = column("type read off the bytes, not off the header", "image/png")
    bytes: int = column("size of the body", 48213, unit="byte", low=0)
    sha256: str = column("digest of the body, or empty", SHA)
    post_id: str = column(*_POST)
    snapshot: str = column(*_FETCHED)
    pack: str = column(*_PACK)
    member: str = column(*_MEMBER)
    offset: int = column("where the body starts in the pack", 512, unit="byte", low=0)
    rect: str = column(*_RECT)


@dataclass(frozen=True)
class VideoRow:
    """data/frames/videos.csv: one video, how much of it could be read, and what was wrong."""

    video: str = column("sha256 of the file", SHA, unique=True)
    name: str = column("url or path it came by", "http://demo.invalid/media/demo_tv/1.mp4")
    source: str = column(*_SOURCE)
    community: str = column(*_COMMUNITY)
    domain: str = column(*_DOMAIN)
    post_id: str = column(*_POST)
    posted_at: str = column(*_POSTED)
    fetched_at: str = column(*_FETCHED)
    licence: str = column(*_LICENCE)
    credit: str = column(*_CREDIT)
    caption: str = column(*_CAPTION)
    codec: str = column("video codec", "h264")
    width_px: int = column("width as shown", 320, unit="px", low=0)
    height_px: int = column("height as shown", 240, unit="px", low=0)
    fps: str = column("average rate as a fraction", "24/1", unit="frame/s")
    declared_s: float | None = column("duration that the container declares", 10.0, unit="s", low=0)
    last_s: float | None = column("presentation time of the last frame read", 9.96, unit="s", low=0)
    frames: int = column("frames decoded", 240, low=0)
    status: Literal["ok", "damaged", "failed"] = column("how the reading ended", "ok")
    reason: str = column("stable code where it is not ok, else empty", "cut_tail")
    detail: str = column("what the decoder said and where", "")


@dataclass(frozen=True)
class ShotRow:
    """data/frames/shots.csv: a stretch of a video between two transitions."""

    video: str = column("sha256 of the file", SHA)
    shot: int = column("number within the video, from 0", 0, low=0)
    transition: Literal["start", "cut", "fade", "dissolve"] = column("how it begins", "cut")
    start_pts: int = column("first frame's presentation time stamp", 0, unit="time base")
    end_pts: int = column("last frame's presentation time stamp", 5120, unit="time base")
    start_s: float = column("first frame's time", 0.0, unit="s")
    end_s: float = column("last frame's time", 3.2, unit="s")
    frames: int = column("frames in it", 77, low=1)


@dataclass(frozen=True)
class FrameRow:
    """data/frames/frames.csv: one sampled frame; a dropped one keeps its reason."""

    video: str = column("sha256 of the file", SHA)
    pts: int = column("presentation time stamp", 1024, unit="time base")
    time_s: float = column("presentation time", 1.0, unit="s")
    shot: int = column("shot it lies in", 0, low=0)
    status: Literal["kept", "dropped"] = column("whether it goes on", "kept")
    reason: str = column("stable code where it is dropped, else empty", "repeat")
    sha256: str = column("digest of the PNG, or empty", SHA)
    width_px: int = column("width after bars are cut", 320, unit="px", low=0)
    height_px: int = column("height after bars are cut", 180, unit="px", low=0)
    pack: str = column(*_PACK)
    member: str = column(*_MEMBER)
    offset: int = column("where the PNG starts in the pack", 512, unit="byte", low=0)
    bytes: int = column("its size", 48213, unit="byte", low=0)


@dataclass(frozen=True)
class KeptRow:
    """data/dedup/kept.csv: one picture that goes on, with all that is known of its origin."""

    id: str = column(*_ID, unique=True)
    pack: str = column(*_PACK)
    member: str = column(*_MEMBER)
    offset: int = column("where it starts in the pack", 512, unit="byte", low=0)
    bytes: int = column("its size", 48213, unit="byte", low=1)
    sha256: str = column("digest of its bytes", SHA)
    rect: str = column(*_RECT)
    domain: str = column(*_DOMAIN)
    width_px: int = column("width, turned by EXIF and cut to rect", 640, unit="px", low=1)
    height_px: int = column("height, likewise", 480, unit="px", low=1)
    template: str = column(*_TEMPLATE)
    source: str = column(*_SOURCE)
    community: str = column(*_COMMUNITY)
    post_id: str = column(*_POST)
    url: str = column(*_URL)
    posted_at: str = column(*_POSTED)
    fetched_at: str = column(*_FETCHED)
    licence: str = column(*_LICENCE)
    credit: str = column(*_CREDIT)
    video: str = column("sha256 of the video it is a frame of, or empty", "")
    time_s: float | None = column("presentation time in the video", 1.0, unit="s", low=0)
    shot: int | None = column("shot in the video", 0, low=0)
    caption: str = column(*_CAPTION)
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DuplicateRow:
    """data/dedup/duplicates.csv: a pair of pictures alike; at level template nothing is dropped."""

    dropped: str = column("id of the later picture", SHA[:16])
    kept: str = column("id of the earlier picture", SHA[16:32])
    level: Level = column("same bytes or pixels; same picture; same template, other text", "same")
    distance: float = column("0 is equal; how far apart by the level's measure", 0.031, low=0)
    why: str = column("what told so", "phash 4/64")
    url: str = column("where the dropped picture came from", "http://demo.invalid/media/12-1.png")
    post_id: str = column(*_POST)


@dataclass(frozen=True)
class QuarantineRow:
    """data/dedup/quarantine.csv: a file set aside; never deleted silently."""

    file: str = column("url, or video and time, that it came by", "http://demo.invalid/x.png")
    sha256: str = column("digest of its bytes", SHA)
    reason: str = column("stable code", "truncated")
    detail: str = column("what the decoder said", "image file is truncated")
    source: str = column(*_SOURCE)
    community: str = column(*_COMMUNITY)
    post_id: str = column(*_POST)


@dataclass(frozen=True)
class SelectedRow:
    """data/select/selected.csv: a picture that training may see, and why."""

    id: str = column(*_ID, unique=True)
    cluster: int = column("cluster it fell in, -1 where none was asked for", -1, low=-1)
    score: float = column("how well it fits what was asked for", 1.0)
    why: str = column("what let it in", "all")


@dataclass(frozen=True)
class LeftRow:
    """data/select/left.csv: a kept picture that goes no further, and the first rule against it."""

    id: str = column(*_ID, unique=True)
    rule: Rule = column("parameter of `select` that it does not fulfil", "keep_clusters")


@dataclass(frozen=True)
class LikenessRow:
    """data/select/likeness.csv: how alike the pictures of a group are."""

    kind: Literal["domain", "community", "cluster", "selected"] = column("kind of group", "domain")
    name: str = column("which one; a cluster's number; a domain of what was selected", "photo")
    pictures: int = column("how many", 480, low=1)
    score: float = column("mean likeness of two of them, 1 is alike", 0.812, low=0, high=1)


@dataclass(frozen=True)
class ImageRow:
    """data/images/images.csv: a selected picture at its stored size."""

    id: str = column(*_ID, unique=True)
    pack: str = column("pack file, relative to the project", "data/images/packs/9.tar")
    member: str = column(*_MEMBER)
    offset: int = column("where it starts in the pack", 512, unit="byte", low=0)
    bytes: int = column("its size", 9213, unit="byte", low=1)
    sha256: str = column("digest of its bytes", SHA)
    domain: str = column(*_DOMAIN)
    width_px: int = column("stored width", 64, unit="px", low=1)
    height_px: int = column("stored height", 64, unit="px", low=1)
    template: str = column(*_TEMPLATE)
    source: str = column(*_SOURCE)
    community: str = column(*_COMMUNITY)
    post_id: str = column(*_POST)
    url: str = column(*_URL)
    posted_at: str = column(*_POSTED)
    fetched_at: str = column(*_FETCHED)
    licence: str = column(*_LICENCE)
    credit: str = column(*_CREDIT)
    origin_sha256: str = column("digest of the file it was made from", SHA)
    video: str = column("sha256 of the video it is a frame of, or empty", "")
    time_s: float | None = column("presentation time in the video", 1.0, unit="s", low=0)
    shot: int | None = column("shot in the video", 0, low=0)
    caption: str = column(*_CAPTION)
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TextRow:
    """data/images/text.csv: the text in a picture, found by its shapes; nothing is read."""

    id: str = column(*_ID, unique=True)
    lines: int = column("lines of text that were found", 2, low=0)
    text_share: float = column("area of the lines, of the whole picture", 0.12, low=0, high=1)
    text_px: float = column(
        "height of a median letter at the stored size, 0 without text", 6.5, unit="px", low=0
    )
    needs_px: int = column(
        "`resize.size_px` at which it is 8 px high, 0 without text", 79, unit="px", low=0
    )


@dataclass(frozen=True)
class Row:
    """data/manifest.csv: one picture that training, validation or test may see."""

    id: str = column(*_ID, unique=True)
    pack: str = column("pack file, relative to the project", "data/images/packs/9.tar")
    member: str = column(*_MEMBER)
    offset: int = column("where it starts in the pack", 512, unit="byte", low=0)
    bytes: int = column("its size", 9213, unit="byte", low=1)
    sha256: str = column("digest of its bytes", SHA)
    domain: str = column(*_DOMAIN)
    split: Split = column("side of the split, the same for a whole group", "train")
    group: str = column("what must stay together: its oldest member's id", SHA[:16])
    label: str = column("class, where the source gives one", "")
    width_px: int = column("stored width", 64, unit="px", low=1)
    height_px: int = column("stored height", 64, unit="px", low=1)
    source: str = column(*_SOURCE)
    community: str = column(*_COMMUNITY)
    post_id: str = column(*_POST)
    url: str = column(*_URL)
    posted_at: str = column(*_POSTED)
    fetched_at: str = column(*_FETCHED)
    licence: str = column(*_LICENCE)
    credit: str = column(*_CREDIT)
    origin_sha256: str = column("digest of the file it was made from", SHA)
    video: str = column("sha256 of the video it is a frame of, or empty", "")
    time_s: float | None = column("presentation time in the video", 1.0, unit="s", low=0)
    shot: int | None = column("shot in the video", 0, low=0)
    caption: str = column(*_CAPTION)
    extra: dict[str, str] = field(default_factory=dict)


TABLES: dict[str, type] = {
    "data/raw/posts.csv": PostRow,
    "data/raw/fetches.csv": FetchRow,
    "data/frames/videos.csv": VideoRow,
    "data/frames/shots.csv": ShotRow,
    "data/frames/frames.csv": FrameRow,
    "data/dedup/kept.csv": KeptRow,
    "data/dedup/duplicates.csv": DuplicateRow,
    "data/dedup/quarantine.csv": QuarantineRow,
    "data/select/selected.csv": SelectedRow,
    "data/select/left.csv": LeftRow,
    "data/select/likeness.csv": LikenessRow,
    "data/images/images.csv": ImageRow,
    "data/images/text.csv": TextRow,
    "data/manifest.csv": Row,
}
