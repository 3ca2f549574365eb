"""VAE-GAN (Larsen et al. 2016): images to codes and back, judged by a discriminator's features."""

import math
from collections.abc import Mapping

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.optim import Optimizer

from memegan.dataset import Batch
from memegan.losses import logistic_fake, logistic_real, r1_penalty
from memegan.networks.blocks import Upsample
from memegan.networks.vaegan import Decoder, Discriminator, Encoder, kl_with_free_bits
from memegan.optimizing import adam, descend, freeze
from memegan.params import Section
from memegan.rng import Numbers
from memegan.variants.base import Latent, Measured, Plan, Variant, VariantSpec


class NetworkParams(Section):
    """Sizes; widths are the channels at the finest scale, eight times as many at the coarsest."""

    z_size: int = Field(default=128, ge=1, description="numbers in a code")
    encoder_width: int = Field(default=64, ge=4, description="channels at the finest scale")
    decoder_width: int = Field(default=64, ge=4, description="channels at the finest scale")
    upsample: Upsample = Field(
        default="transposed",
        description="how the decoder doubles; all but transposed begin without a checkerboard",
    )
    discriminator_width: int = Field(default=64, ge=4, description="channels at the finest scale")


class KLParams(Section):
    """How dear it is to say something in a code."""

    weight: float = Field(default=1.0, ge=0, description="of the divergence from N(0, 1)")
    warmup_images: int = Field(default=0, ge=0, description="images in which it rises from 0")
    free_nats: float = Field(default=0.0, ge=0, description="of each number, not paid for")


class VAEGANRun(Plan):
    """Defaults are the paper's, with Adam."""

    network: NetworkParams = Field(default_factory=NetworkParams)
    kl: KLParams = Field(default_factory=KLParams)
    feature_stage: int = Field(default=2, ge=1, description="of the discriminator; 1: the finest")
    lambda_feature: float = Field(default=1.0, ge=0, description="of the error in its features")
    lambda_pixel: float = Field(
        default=0.0, ge=0, description="of the bits of pixels; 0: as the paper, features alone"
    )
    gamma: float = Field(
        default=1.0, ge=0, description="weight of reconstruction against the GAN in the decoder"
    )
    lambda_gan: float = Field(default=0.1, ge=0, description="of the GAN's term in the decoder")
    r1_gamma: float = Field(
        default=0.0,
        ge=0,
        description="weight of the R1 penalty, which holds the discriminator back",
    )
    r1_every: int = Field(default=16, ge=1, description="steps between R1 penalties (lazy)")
    learning_rate: float = Field(default=3e-4, gt=0, description="of all three Adams")
    beta1: float = Field(default=0.5, ge=0, lt=1, description="of Adam: first moment")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="of Adam: second moment")

    @model_validator(mode="after")
    def _fits(self) -> "VAEGANRun":
        if self.crop_px & (self.crop_px - 1) or self.crop_px > 256:
            raise ValueError("crop_px of a vaegan run is a power of two: 16, 32, 64, 128, 256")
        stages = self.crop_px.bit_length() - 3
        if self.feature_stage > stages:
            raise ValueError(f"the discriminator has {stages} stages at crop_px {self.crop_px}")
        return self


class VAEGAN(Variant):
    """An encoder, a decoder that is also a generator, and a discriminator."""

    def __init__(self, run: VAEGANRun) -> None:
        super().__init__()
        self.run, n, size = run, run.network, run.crop_px
        self.encoder = Encoder(n.z_size, size, n.encoder_width)
        self.decoder = Decoder(n.z_size, size, n.decoder_width, n.upsample)
        self.discriminator = Discriminator(size, n.discriminator_width)

    def nets(self) -> dict[str, nn.Module]:
        return {"encoder": self.encoder, "decoder": self.decoder}

    def optimizers(self) -> dict[str, Optimizer]:
        p = self.run
        nets = self.nets() | {"discriminator": self.discriminator}
        return {k: adam([net], p.learning_rate, (p.beta1, p.beta2)) for k, net in nets.items()}

    def step(
        self, batch: Batch, optimizers: Mapping[str, Optimizer], numbers: Numbers
    ) -> dict[str, Tensor]:
        """Update the discriminator, the decoder and the encoder, each by its own terms.

        Algorithm 1: the encoder pays for KL and reconstruction, the decoder for gamma times
        reconstruction and for the GAN, whose slope does not reach the encoder.
        """
        p, real = self.run, batch.images["a"]
        z_shape = (len(real), p.network.z_size)
        code = self.encoder(real)
        z = code.draw(numbers.normal("z/code", *z_shape))
        cut = z.detach().requires_grad_()
        prior = numbers.normal("z/prior", *z_shape)
        again, made = self.decoder(torch.cat((cut, prior))).chunk(2)  # one batch norm for both
        step = numbers.images_seen // p.batch_size
        losses = self._judge(real, again.detach(), made.detach(), step)
        held_back = p.r1_gamma * p.r1_every * losses.get("r1", 0)  # StyleGAN2, section 3.1
        descend(optimizers["discriminator"], losses["discriminator"] + held_back)
        freeze([self.discriminator], True)
        losses |= self._decoder_terms(real, again, made)
        freeze([self.discriminator], False)
        reconstruction = p.lambda_feature * losses["feature"] + p.lambda_pixel * losses["bits"]
        (slope,) = torch.autograd.grad(reconstruction, cut, retain_graph=True)
        scale_only = self.decoder.bits(again.detach(), real).mean()
        with_gan = p.gamma * reconstruction + p.lambda_gan * losses["gan"]
        descend(optimizers["decoder"], with_gan + (0 if p.lambda_pixel else scale_only))
        losses["kl"] = code.kl().sum(1).mean()
        paid = kl_with_free_bits(code.kl(), p.kl.free_nats) / real[0].numel()
        weight = p.kl.weight * self._warm(numbers.images_seen)
        descend(optimizers["encoder"], weight * paid + (z * slope).sum())
        return losses

    def _judge(self, real: Tensor, again: Tensor, made: Tensor, step: int) -> dict[str, Tensor]:
        """Return the discriminator's loss: real against codes' and noise's fakes (eq. 5).

        Where one is due, with the R1 penalty (Mescheder et al. 2018; through batch norm an image's
        slope is that of the whole batch's logits). It is not the paper's: its authors' code has the
        discriminator rest while it is too good.
        """
        is_due = bool(self.run.r1_gamma) and step % self.run.r1_every == 0
        seen = real.detach().requires_grad_(is_due)
        logits = [self.discriminator(images)[0] for images in (seen, again, made)]
        fakes = (logistic_fake(logits[1]) + logistic_fake(logits[2])) / 2
        losses = {"discriminator": logistic_real(logits[0]) + fakes}
        return losses | ({"r1": r1_penalty(seen, logits[0])} if is_due else {})

    def _decoder_terms(self, real: Tensor, again: Tensor, made: Tensor) -> dict[str, Tensor]:
        stage = self.run.feature_stage - 1
        with torch.no_grad():
            wanted = self.discriminator(real)[1][stage]
        judged_again, features = self.discriminator(again)
        judged_made, _ = self.discriminator(made)
        return {
            "feature": (features[stage] - wanted).square().mean() / 2,
            "bits": self.decoder.bits(again, real).mean(),
            "gan": (logistic_real(judged_again) + logistic_real(judged_made)) / 2,
        }

    def _warm(self, images_seen: int) -> float:
        rise = self.run.kl.warmup_images
        return min(1.0, images_seen / rise) if rise else 1.0

    def use(self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers) -> None:
        """Decode codes of real pictures and noise, as a step does."""
        code = nets["encoder"](batch.images["a"])
        shape = code.mean.shape
        z = (code.draw(numbers.normal("z/code", *shape)), numbers.normal("z/prior", *shape))
        nets["decoder"](torch.cat(z))

    @torch.no_grad()
    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        """Images, what is made of their codes, and pictures from noise."""
        z = self._draw(numbers, len(batch.images["a"]))
        again = self.reconstruct(nets, batch)
        return {"a": batch.images["a"], "reconstruction": again, "fake": nets["decoder"](z)}

    def latent(self, nets: Mapping[str, nn.Module]) -> Latent:
        """Return the codes; a picture's is its mean code."""
        decoder = nets["decoder"]
        assert isinstance(decoder, Decoder)
        return Latent(
            draw=self._draw,
            decode=lambda codes, label: decoder(codes),
            weights=decoder.linear.weight.detach(),
            encode=lambda images: nets["encoder"](images).mean,
        )

    def _draw(self, numbers: Numbers, count: int) -> Tensor:
        return numbers.normal("z/show", count, self.run.network.z_size)

    @torch.no_grad()
    def measure(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Measured]:
        """Return how well images come back, and the evidence lower bound by one draw of each code.

        `elbo_bits_per_dim` is an upper bound of what pixelcnn measures exactly as bits_per_dim.
        """
        images, net = batch.images["a"], nets["decoder"]
        assert isinstance(net, Decoder)
        code = nets["encoder"](images)
        made = net(code.draw(numbers.normal("z/elbo", *code.mean.shape)))
        kl = code.kl().sum(1)
        error = (self.reconstruct(nets, batch) - images).square().mean((1, 2, 3))
        bits = net.bits(made, images) + kl / images[0].numel() / math.log(2)
        return {
            "reconstruction_psnr": Measured(10 * torch.log10(4 / error.clamp_min(4e-10)), True),
            "elbo_bits_per_dim": Measured(bits, False),
            "kl_nats": Measured(kl, False),
        }

    @torch.no_grad()
    def reconstruct(self, nets: Mapping[str, nn.Module], batch: Batch) -> Tensor:
        """Return what the decoder makes of each image's mean code, (N, 3, H, W)."""
        made: Tensor = nets["decoder"](nets["encoder"](batch.images["a"]).mean)
        return made


VARIANT = VariantSpec(task="generate", run=VAEGANRun, build=VAEGAN)
