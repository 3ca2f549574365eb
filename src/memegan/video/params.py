"""The `frames` section."""

from typing import Literal

from pydantic import Field

from memegan.params import Section


class VideoInput(Section):
    """Videos below data/inputs that no source brings."""

    path: str = Field(description="glob below the project, for example data/inputs/episodes/*.mp4")
    community: str
    domain: str
    licence: str = ""
    credit: str = ""


class FramesParams(Section):
    """Which frames of a video become pictures."""

    sample: Literal["every_s", "fps", "per_shot", "keyframes"] = "every_s"
    every_s: float = Field(default=1.0, gt=0, description="seconds between frames, for every_s")
    fps: float = Field(default=1.0, gt=0, description="frames a second, for fps")
    per_shot: int = Field(default=1, ge=1, description="frames a shot, evenly spread, for per_shot")
    cut_luma: float = Field(default=10.0, gt=0, description="mean change that may be a cut, 0..255")
    same_scene: float = Field(default=0.75, gt=0, le=1, description="likeness that is no cut, 0..1")
    flash_s: float = Field(default=0.25, ge=0, description="out and back within this is no cut")
    repeat_luma: float = Field(default=6.0, ge=0, description="largest change of a repeat, 0..255")
    black_luma: float = Field(default=24.0, ge=0, description="brighter pixels make a frame")
    white_luma: float = Field(default=231.0, le=255, description="darker pixels make a frame")
    min_sharpness: float = Field(default=0.0, ge=0, description="variance of the Laplacian; 0: any")
    crop_bars: bool = Field(default=True, description="cut letterbox bars off")
    inputs: tuple[VideoInput, ...] = ()
