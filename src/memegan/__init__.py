"""From meme communities and videos to trained, compared, served image GANs."""

__version__ = "0.1.0"
