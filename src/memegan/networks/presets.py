"""Whole networks as texts: recipes of papers, at any size, with what each wants besides."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from memegan.networks.dsl import Number
from memegan.networks.stacks import SMALLEST, halves

Values = Mapping[str, object]


@dataclass(frozen=True)
class Preset:
    """Texts of both networks, and what a run says unless it says otherwise."""

    source: str
    generator: str
    discriminator: str
    decoder: str = ""  # reads the discriminator's layer `seen`
    says: Mapping[str, Values] = field(default_factory=dict)  # section of the run -> its values


def variables(size_px: int, width: int, z_size: int, blocks: int) -> dict[str, Number]:
    """Return what texts may use.

    `$size` is the images' side, `$start` the side where doublings begin and `$end` where halvings
    end, both 4 to 7; `$top` the channels there, doubled from `$width` at half the size, 8 times at
    most; `$z` and `$blocks` are the run's. `$calm` keeps the variance of a residual net: L ** -1/4
    for L blocks of three convolutions (Zhang et al. 2019, Fixup, section 3).
    """
    sides = halves(size_px)
    end = size_px
    while end >= 2 * SMALLEST:
        end //= 2
    doublings = len(sides) - 1
    return {
        **{"size": size_px, "start": sides[-1], "end": end, "width": width, "z": z_size},
        "blocks": blocks,
        "top": min(width * 2 ** max(doublings - 1, 0), 8 * width),
        "calm": float(f"{(blocks * (doublings + 1)) ** -0.25:.6f}"),
    }


_DCGAN_GENERATOR = """\
latent
maps $top $start norm=batch activation=relu
resizable_stack up leave=1 width=$width max=8*$width {
  deconv $channels bias=no norm=batch activation=relu
}
resizable_stack up width=3 max=3 {
  deconv 3 activation=tanh
}
"""


def _r3_block(channels: str) -> str:
    return f"""\
    residual {{
      conv 2*{channels} kernel=1 gain=$calm activation=lrelu
      conv 2*{channels} groups={channels}/8 gain=$calm activation=lrelu
      conv {channels} kernel=1 bias=no gain=0
    }}
"""


PRESETS: dict[str, Preset] = {
    "dcgan": Preset(
        "Radford et al. 2016, section 4",
        _DCGAN_GENERATOR,
        """\
conv $width kernel=4 stride=2 activation=lrelu
resizable_stack down width=2*$width max=8*$width {
  conv $channels kernel=4 stride=2 norm=batch activation=lrelu
}
logit
""",
        says={"network": {"init": "normal"}},
    ),
    "adain": Preset(
        "the idea of HyperGAN's default: a style of two layers decides every scale",
        """\
latent name=z
linear 8*$width activation=lrelu
linear 8*$width activation=lrelu name=style
maps 8*$width $start from=z activation=relu
resizable_stack up width=$width max=8*$width {
  resize_conv $channels
  adain style activation=relu
}
conv 3 activation=tanh
""",
        """\
conv $width activation=lrelu
resizable_stack down width=$width max=8*$width {
  conv $channels activation=lrelu
  downsample
}
logit
""",
        says={
            "network": {"init": "he", "z": "uniform"},
            "loss": {"name": "logistic"},
            "trainer": {"learning_rate": 1e-4, "beta1": 0.0},
        },
    ),
    "sngan": Preset(
        "Miyato et al. 2018, table 3 (standard CNN); slope .2 for .1",
        """\
latent
maps 8*$width $start
resizable_stack up width=$width max=4*$width {
  deconv $channels norm=batch activation=relu
}
conv 3 activation=tanh
""",
        """\
resizable_stack down width=$width max=4*$width {
  conv $channels activation=lrelu
  conv $channels kernel=4 stride=2 activation=lrelu
}
conv 8*$width activation=lrelu
logit
""",
        says={
            "network": {"init": "xavier", "spectral_norm": True},
            "loss": {"name": "hinge"},
            "trainer": {"beta1": 0.0, "beta2": 0.9},
        },
    ),
    "wgan-gp": Preset(
        "Gulrajani et al. 2017, algorithm 1; the critic's norm is by layer (section 4)",
        _DCGAN_GENERATOR,
        """\
conv $width kernel=4 stride=2 activation=lrelu
resizable_stack down width=2*$width max=8*$width {
  conv $channels kernel=4 stride=2 norm=layer activation=lrelu
}
logit
""",
        says={
            "network": {"init": "he"},
            "loss": {"name": "wasserstein", "gradient_penalty": 10.0},
            "trainer": {
                **{"learning_rate": 1e-4, "beta1": 0.0, "beta2": 0.9},
                "discriminator_steps": 5,
            },
        },
    ),
    "r3gan": Preset(
        "Huang et al. 2024, section 4 (config E): no normalisation, grouped blocks, two a size",
        f"""\
latent
basis $top $start
repeat $blocks {{
{_r3_block("$top")}}}
resizable_stack up width=$width max=8*$width {{
  conv $channels kernel=1 bias=no
  upsample bilinear
  repeat $blocks {{
{_r3_block("$channels")}  }}
}}
conv 3 kernel=1 bias=no
""",
        f"""\
conv $width kernel=1 bias=no
resizable_stack down width=$width max=8*$width {{
  conv $channels kernel=1 bias=no
  repeat $blocks {{
{_r3_block("$channels")}  }}
  downsample
}}
conv $top kernel=1 bias=no
repeat $blocks {{
{_r3_block("$top")}}}
conv $top kernel=$end groups=$top pad=no bias=no
logit
""",
        says={
            "network": {"init": "he", "blocks": 2},
            "loss": {"relativistic": "paired", "r1_gamma": 1.0, "r2_gamma": 1.0, "r1_every": 1},
            "trainer": {"beta1": 0.0, "beta2": 0.99},
        },
    ),
    "fastgan": Preset(
        "Liu et al. 2021, section 3: skip-layer excitation, a discriminator that also redraws",
        """\
latent
maps 16*$width $start norm=batch activation=glu name=small
resizable_stack up width=$width max=8*$width {
  resize_conv 2*$channels bias=no norm=batch activation=glu
}
excite small
conv 3 activation=tanh
""",
        """\
conv $width activation=lrelu
resizable_stack down width=2*$width max=8*$width {
  residual {
    conv $channels kernel=4 stride=2 bias=no norm=batch activation=lrelu
    conv $channels bias=no norm=batch activation=lrelu
  }
}
conv $top kernel=1 bias=no norm=batch activation=lrelu name=seen
logit
""",
        """\
resizable_stack up leave=1 width=$width max=4*$width {
  resize_conv 2*$channels bias=no norm=batch activation=glu
}
conv 3 activation=tanh
""",
        says={
            "network": {"init": "normal", "spectral_norm": True},
            "loss": {"name": "hinge", "reconstruction": 1.0},
        },
    ),
}
