"""The `dedup`, `select` and `resize` sections."""

from typing import Literal, Self

from pydantic import Field, model_validator

from memegan.params import Section


class DedupParams(Section):
    """Which pictures are one and the same, and which are set aside."""

    animation: Literal["first", "all"] = Field(
        default="first", description="frames of an animated picture that are pictures"
    )
    max_frames: int = Field(
        default=16, ge=1, le=1000, description="of an animation, for all; of more, evenly spread"
    )
    min_size_px: int = Field(default=32, ge=1, description="least short side; smaller: quarantine")
    alike: float = Field(
        default=0.82, gt=0, lt=1, description="likeness at a glance that is worth a closer look"
    )
    same_line: float = Field(
        default=0.28, gt=0, lt=2, description="how different a line of the same picture may be"
    )
    fine_line: float = Field(
        default=0.3, gt=0, lt=2, description="the same at 256 px, where both have so many"
    )
    same_colour: float = Field(
        default=11.0,
        gt=0,
        description="levels by which a thing of the same picture may differ in colour",
    )
    template_share: float = Field(
        default=0.18, gt=0, lt=1, description="share of the picture that may differ in a template"
    )
    same_likeness: float = Field(
        default=0.9, ge=-1, le=1, description="least correlation of the same picture, all in all"
    )
    template_likeness: float = Field(
        default=0.75, ge=-1, le=1, description="least correlation of pictures of one template"
    )
    frame_text: float = Field(
        default=0.2, gt=0, lt=1, description="how full of text a frame is whose text counts"
    )
    mirrored: bool = Field(default=True, description="a mirrored or turned picture is the same")
    min_contrast: float = Field(
        default=2.0,
        ge=0,
        description="least spread of a channel's levels; less: quarantine as flat",
    )
    min_shown: float = Field(
        default=0.003, ge=0, lt=1, description="least share that is not of the corners' colour"
    )
    editor_bars: int = Field(
        default=2, ge=0, description="bars with tools of a screenshot of an editor; 0: keep them"
    )
    placeholder_posts: int = Field(
        default=4, ge=0, description="posts that show one empty-looking file: a notice; 0: never"
    )
    max_quarantined: float = Field(default=0.5, ge=0, le=1, description="share that may be bad")


class SelectParams(Section):
    """Which kept pictures go on: all of them, or those that fulfil every rule that is set."""

    keep: Literal["all", "matching"] = Field(
        default="all", description="all passes everything; matching obeys the rules below"
    )
    domains: tuple[str, ...] = Field(
        default=(), description="the rules are for these domains, others pass; empty: for all"
    )
    communities: tuple[str, ...] = Field(default=(), description="only these; empty: all")
    min_side_px: int = Field(default=0, ge=0, description="least short side of the original")
    aspect: tuple[float, float] | None = Field(
        default=None, description="least and most width / height"
    )
    text_share: tuple[float, float] | None = Field(
        default=None, description="least and most area of text, of the picture"
    )
    clusters: int = Field(default=0, ge=0, le=256, description="clusters to make; 0: none")
    keep_clusters: tuple[int, ...] = Field(
        default=(), description="their numbers, 0 is the largest; empty: all"
    )
    examples: tuple[str, ...] = Field(
        default=(), description="ids of kept pictures, or files and folders in data/inputs"
    )
    nearest: int = Field(default=0, ge=0, description="pictures to keep, the likest to an example")

    @model_validator(mode="after")
    def _rules_make_sense(self) -> Self:
        rules = self.model_dump(exclude={"keep"}, exclude_defaults=True)
        if self.keep == "all" and rules:
            raise ValueError(f"keep: all obeys no rule, but {', '.join(rules)} is set")
        for name in ("aspect", "text_share"):
            if (ends := getattr(self, name)) and ends[0] > ends[1]:
                raise ValueError(f"{name}: {ends[0]} is above {ends[1]}")
        if any(not 0 <= n < self.clusters for n in self.keep_clusters):
            raise ValueError(f"keep_clusters: numbers are 0 to clusters - 1, {self.clusters - 1}")
        if bool(self.examples) != bool(self.nearest):
            raise ValueError("examples and nearest are set together, or neither is")
        return self


class ResizeParams(Section):
    """How pictures are stored."""

    size_px: int = Field(default=64, ge=16, le=1024, description="stored short side")
    fit: Literal["crop", "smart", "letterbox", "stretch", "keep"] = Field(
        default="crop",
        description="square: crop (the middle), smart (most detail), letterbox, stretch; "
        "keep keeps the aspect",
    )
    filter: Literal["area", "lanczos"] = Field(default="area", description="both antialiased")
    light: Literal["display", "linear"] = Field(
        default="display", description="linear: mean light, not mean values; slower"
    )
    format: Literal["png", "webp"] = Field(default="png", description="both lossless")
    pad: tuple[int, int, int] = Field(default=(0, 0, 0), description="colour of letterbox bars")
