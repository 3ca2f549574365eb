"""The `frames` section."""

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from memegan.params import Section


class VideoInput(Section):
    """Videos below data/inputs that no source brings."""

    path: str = Field(description="glob below the project, for example data/inputs/episodes/*.mp4")
    community: str = Field(description="who published it, one word")
    domain: str = Field(description="what it shows, free text; runs choose by it")
    licence: str = Field(default="", description="of the video, as its source states it")
    credit: str = Field(default="", description="name to print where the licence asks for it")


class Mask(Section):
    """A rectangle that is no picture: in shares of width and height, of the picture as shown."""

    left: float = Field(ge=0, lt=1, description="edge, as a share of the width")
    top: float = Field(ge=0, lt=1, description="edge, as a share of the height")
    right: float = Field(gt=0, le=1, description="edge, as a share of the width")
    bottom: float = Field(gt=0, le=1, description="edge, as a share of the height")

    @model_validator(mode="after")
    def _has_area(self) -> "Mask":
        if self.left >= self.right or self.top >= self.bottom:
            raise ValueError("a mask needs left < right and top < bottom")
        return self


def _exact(value: object) -> object:
    """Read 0.1 as 1/10, not as the binary number beside it; a text may be 24000/1001."""
    if not isinstance(value, float | str):
        return value
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError("input should be a number or a fraction as 24000/1001") from None


Exact = Annotated[Fraction, BeforeValidator(_exact)]


class FramesParams(Section):
    """Which frames of a video become pictures."""

    sample: Literal["every_s", "fps", "per_shot", "keyframes"] = Field(
        default="every_s", description="which frames; its number stands below"
    )
    every_s: Exact = Field(default=Fraction(1), gt=0, description="seconds between, for every_s")
    fps: Exact = Field(default=Fraction(1), gt=0, description="a second, for fps: 2, 24000/1001")
    per_shot: int = Field(default=1, ge=1, description="frames a shot, evenly spread, for per_shot")
    cut_luma: float = Field(default=10.0, gt=0, description="mean change that may be a cut, 0..255")
    same_scene: float = Field(default=0.75, gt=0, le=1, description="likeness that is no cut, 0..1")
    flash_s: float = Field(default=0.25, ge=0, description="out and back within this is no cut")
    repeat_luma: float = Field(default=6.0, ge=0, description="largest change of a repeat, 0..255")
    black_luma: float = Field(default=24.0, ge=0, description="brighter pixels make a frame")
    white_luma: float = Field(default=231.0, le=255, description="darker pixels make a frame")
    min_sharpness: float = Field(default=0.0, ge=0, description="variance of the Laplacian; 0: any")
    keep_fades: bool = Field(default=True, description="frames within fades and dissolves go on")
    max_text: float = Field(default=1.0, ge=0, le=1, description="share of text; 0.08: no credits")
    masks: tuple[Mask, ...] = Field(default=(), description="logos, subtitles: filled from around")
    crop_bars: bool = Field(default=True, description="cut letterbox bars off")
    inputs: tuple[VideoInput, ...] = Field(
        default=(), description="videos below the project, beside those that a scrape brought"
    )
