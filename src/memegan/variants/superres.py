"""Super-resolution x2 and x4: a PSNR stage, then where wanted a GAN stage (ESRGAN's recipe)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.optim import Optimizer

from memegan.dataset import Batch
from memegan.errors import ParamsError
from memegan.losses import l1, logistic_fake, logistic_real, relativistic
from memegan.networks.degrade import DRAWS, bicubic, clean, realistic
from memegan.networks.fidelity import inner_pixels, luma, psnr_255, ssim_255
from memegan.networks.superres import MSRResNet, RRDBNet, Scale, enlarged_discriminator
from memegan.networks.vgg16 import VGG16Encoder, read_vgg16
from memegan.optimizing import adam, descend, freeze
from memegan.params import Section
from memegan.rng import Numbers
from memegan.variants.base import Measured, Plan, Variant, VariantSpec


class MSRResNetParams(Section):
    """The default is the published size."""

    width: int = Field(default=64, ge=4, description="channels of all layers")
    blocks: int = Field(default=16, ge=1, description="residual blocks")


class RRDBParams(Section):
    """The default is the published size."""

    width: int = Field(default=64, ge=4, description="channels between the blocks")
    blocks: int = Field(default=23, ge=1, description="residual in residual dense blocks")
    growth: int = Field(default=32, ge=2, description="channels that each convolution adds")


class NetworkParams(Section):
    """One closed sub-section a generator, so that one key switches."""

    generator: Literal["msrresnet", "rrdb"] = Field(
        default="msrresnet", description="rrdb: the large one"
    )
    msrresnet: MSRResNetParams = Field(default_factory=MSRResNetParams)
    rrdb: RRDBParams = Field(default_factory=RRDBParams)

    def build(self, scale: Scale) -> nn.Module:
        """Make the chosen generator."""
        if self.generator == "msrresnet":
            return MSRResNet(scale, self.msrresnet.width, self.msrresnet.blocks)
        return RRDBNet(scale, self.rrdb.width, self.rrdb.blocks, self.rrdb.growth)


class GANParams(Section):
    """The second stage; defaults are ESRGAN's, whose perceptual loss needs weights of your own."""

    kind: Literal["none", "vanilla", "relativistic"] = Field(
        default="none", description="none: the PSNR stage is all"
    )
    after_images: int = Field(default=0, ge=0, description="images of the PSNR stage before it")
    discriminator_width: int = Field(default=64, ge=4, description="channels of its first layer")
    lambda_l1: float = Field(default=0.01, ge=0, description="in the second stage; 1 in the first")
    lambda_gan: float = Field(default=0.005, ge=0, description="of the discriminator's word")
    lambda_perceptual: float = Field(default=0.0, ge=0, description="of VGG16's features; 1 usual")
    weights: str = Field(default="", exclude=True, description="VGG16's, as model.vgg16.weights")
    sha256: str = Field(default="", pattern="^([0-9a-fA-F]{64})?$", description="of that file")

    @model_validator(mode="after")
    def _whole(self) -> "GANParams":
        if self.lambda_perceptual and not self.sha256:
            raise ValueError("lambda_perceptual needs weights and their sha256")
        return self

    def perceptual(self) -> nn.Module | None:
        """Make the network whose features are compared, frozen, where its file is named.

        Raises:
            ParamsError: the file is missing, another one, or not VGG16.
        """
        if not (self.lambda_perceptual and self.weights):
            return None
        net = VGG16Encoder()
        try:
            net.features.load_state_dict(read_vgg16(Path(self.weights), self.sha256))
        except ValueError as error:
            raise ParamsError(
                str(error),
                where=f"train.*.gan.weights: {self.weights}",
                fix="name VGG16's ImageNet weights and their sha256, or lambda_perceptual: 0",
            ) from None
        return net.requires_grad_(False)


class SuperResRun(Plan):
    """Pairs are made on the fly: `data.a` are the large pictures, `crop_px` their side."""

    scale: Scale = Field(default=4, description="how much larger pictures become")
    degrade: Literal["bicubic", "realistic"] = Field(
        default="bicubic", description="how the small ones are made; realistic: blur, noise, JPEG"
    )
    network: NetworkParams = Field(default_factory=NetworkParams)
    gan: GANParams = Field(default_factory=GANParams)
    crop_px: int = Field(ge=32, le=1024, multiple_of=4, description="side of the large pictures")
    learning_rate: float = Field(default=2e-4, gt=0, description="of both Adams")

    @model_validator(mode="after")
    def _size(self) -> "SuperResRun":
        if self.gan.kind != "none" and self.crop_px % 16:
            raise ValueError("with a GAN stage crop_px is a multiple of 16")
        return self


class SuperRes(Variant):
    """A generator from small to large, and for the second stage a discriminator of large ones."""

    def __init__(self, run: SuperResRun) -> None:
        super().__init__()
        self.run = run
        self.generator = run.network.build(run.scale)
        if run.gan.kind != "none":
            self.discriminator = enlarged_discriminator(run.crop_px, run.gan.discriminator_width)
            self.perceptual = run.gan.perceptual()

    def nets(self) -> dict[str, nn.Module]:
        return {"generator": self.generator}

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam with (0.9, 0.99), BasicSR's choice.

        Raises:
            ParamsError: features are to be compared and nobody said where VGG16's weights are.
        """
        gan, rate, betas = self.run.gan, self.run.learning_rate, (0.9, 0.99)
        if gan.kind == "none":
            return {"generator": adam([self.generator], rate, betas)}
        if gan.lambda_perceptual and self.perceptual is None:
            raise ParamsError(  # an exported model needs none
                "lambda_perceptual, and no weights",
                where="train.*.gan.weights",
                fix="name VGG16's ImageNet weights, or set lambda_perceptual: 0",
            )
        nets = {"generator": self.generator, "discriminator": self.discriminator}
        return {name: adam([net], rate, betas) for name, net in nets.items()}

    def step(
        self, batch: Batch, optimizers: Mapping[str, Optimizer], numbers: Numbers
    ) -> dict[str, Tensor]:
        """Pull towards the truth; in the second stage, mislead the discriminator as well."""
        truth = batch.images["a"]
        made = self.generator(self.shrunk(truth, numbers))
        losses = {"l1": l1(made, truth)}
        gan = self.run.gan
        if gan.kind == "none" or numbers.images_seen < gan.after_images:
            descend(optimizers["generator"], losses["l1"])
            return losses
        freeze([self.discriminator], True)
        total = gan.lambda_l1 * losses["l1"]
        if self.perceptual is not None:
            with torch.no_grad():
                wanted = self.perceptual(truth)[-1]
            losses["perceptual"] = l1(self.perceptual(made)[-1], wanted)
            total = total + gan.lambda_perceptual * losses["perceptual"]
        losses["gan"] = self._generator_loss(made, truth)
        descend(optimizers["generator"], total + gan.lambda_gan * losses["gan"])
        freeze([self.discriminator], False)
        losses["discriminator"] = self._discriminator_loss(made.detach(), truth)
        descend(optimizers["discriminator"], losses["discriminator"])
        return losses

    def shrunk(self, images: Tensor, numbers: Numbers) -> Tensor:
        """Make (N, 3, H, W) small, (N, 3, H / scale, W / scale), as `degrade` says."""
        scale = self.run.scale
        if self.run.degrade == "bicubic":
            return clean(images, scale)
        height, width = (side // scale for side in images.shape[2:])
        noise = numbers.normal("noise", len(images), 3, height, width)
        return realistic(images, scale, numbers.uniform("degrade", len(images), DRAWS), noise)

    @torch.no_grad()
    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        """Enlarged by interpolation, by the network, and the truth."""
        truth = batch.images["a"]
        small = self.shrunk(truth, numbers)
        made = nets["generator"](small).clamp(-1, 1)
        return {"a": bicubic(small, self.run.scale), "fake": made, "truth": truth}

    def measure(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Measured]:
        """PSNR and SSIM as BasicSR counts them: 8 bits, a border of `scale` pixels left out."""
        shown = self.show(nets, batch, numbers)
        plain, made, truth = (
            inner_pixels(shown[name], self.run.scale) for name in ("a", "fake", "truth")
        )
        psnr_y = psnr_255(luma(made), luma(truth))
        psnr_plain = psnr_255(luma(plain), luma(truth))
        found = {
            "psnr_y": psnr_y,
            "psnr_y_bicubic": psnr_plain,
            "psnr_y_gain": psnr_y - psnr_plain,
            "ssim_y": ssim_255(luma(made), luma(truth)),
            "ssim_y_bicubic": ssim_255(luma(plain), luma(truth)),
            "psnr_rgb": psnr_255(made, truth),
            "ssim_rgb": ssim_255(made, truth),
        }
        return {name: Measured(values, higher_is_better=True) for name, values in found.items()}

    def _generator_loss(self, made: Tensor, truth: Tensor) -> Tensor:
        judged = self.discriminator(made)
        if self.run.gan.kind == "vanilla":
            return logistic_real(judged)
        with torch.no_grad():
            real = self.discriminator(truth)
        return relativistic(judged, real)

    def _discriminator_loss(self, made: Tensor, truth: Tensor) -> Tensor:
        real, fake = self.discriminator(truth), self.discriminator(made)
        if self.run.gan.kind == "vanilla":
            return logistic_real(real) + logistic_fake(fake)
        return relativistic(real, fake)


VARIANT = VariantSpec(task="enlarge", run=SuperResRun, build=SuperRes)
