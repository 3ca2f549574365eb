"""Files that are odd or broken in the ways that a community's files are."""

import io
import struct
import zlib

from PIL import Image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Write a picture as a file's bytes; JPEG at quality 92 without chroma subsampling."""
    file = io.BytesIO()
    if kind == "JPEG":
        options = {"quality": 92, "subsampling": 0} | options
    image.save(file, kind, **options)
    return file.getvalue()


def odd_file(trouble: str, image: Image.Image, other: Image.Image) -> bytes | None:
    """Return a file that is odd, or that repeats `other`; None where `trouble` names no such."""
    match trouble:
        case "smaller":
            return encoded(other.resize((96, 96), Image.Resampling.LANCZOS), "PNG")
        case "recompressed":
            return encoded(other, "JPEG", quality=60)
        case "cropped":
            return encoded(other.crop((4, 4, 124, 124)), "PNG")
        case "thumb":
            return encoded(image.resize((75, 75), Image.Resampling.LANCZOS), "JPEG")
        case "placeholder":
            return encoded(Image.new("RGB", (161, 81), (222, 222, 222)), "PNG")
        case "rotated":
            exif = Image.Exif()
            exif[0x0112] = 6  # turned: the viewer has to rotate it by 90 degrees
            return encoded(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
        case "cmyk":
            return encoded(image.convert("CMYK"), "JPEG")
        case "palette":
            faded = image.convert("P", palette=Image.Palette.ADAPTIVE)
            return encoded(faded, "PNG", transparency=0)
        case "sixteen_bit":
            gray = image.convert("L").point(lambda v: v * 257, "I")
            return encoded(gray.convert("I;16"), "PNG")
        case "animated":
            return encoded(image, "GIF", save_all=True, append_images=[other], duration=100)
        case "misnamed":
            return encoded(image, "WEBP")
        case "bomb":
            return _bomb()
        case "page":
            return b"<!doctype html><title>log in</title>"
        case "svg":
            return b'<svg xmlns="http://www.w3.org/2000/svg"/>'
        case "empty":
            return b""
    return None


def _bomb() -> bytes:
    """A PNG of a few kilobytes that declares 30,000 by 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
