"""The `dedup`, `select` and `resize` sections."""

from typing import Literal

from pydantic import Field

from memegan.params import Section


class DedupParams(Section):
    """Which pictures are one and the same, and which are set aside."""

    min_size_px: int = Field(default=32, ge=1, description="least short side; smaller: quarantine")
    same_bits: int = Field(default=12, ge=0, le=32, description="hash distance worth a closer look")
    template_bits: int = Field(default=6, ge=0, le=32, description="hash distance of a template")
    same_line: float = Field(
        default=0.25, gt=0, lt=1, description="share of a text line that may differ in the same"
    )
    template_share: float = Field(
        default=0.1, gt=0, lt=1, description="share of the picture that may differ in a template"
    )
    mirrored: bool = Field(default=False, description="a mirrored picture is the same picture")
    max_quarantined: float = Field(default=0.5, ge=0, le=1, description="share that may be bad")


class SelectParams(Section):
    """Which kept pictures go on."""

    keep: Literal["all"] = "all"


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
