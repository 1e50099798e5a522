#!/usr/bin/env python3
"""Makes the images of this folder and expected.txt: what each must become.

usage: make_images.py          needs Pillow, NumPy and djpeg (libjpeg-turbo)

expected.txt has lines "FILE CHANNELS SIZE WIDTH HEIGHT CRC32": the zlib checksum of the pixels [HEIGHT, WIDTH, CHANNELS]. JPEG pixels
are djpeg's, turned by NumPy where EXIF says so; PNG pixels are Pillow's, over white by the formula of image_png.c; resized ones
are Pillow's BILINEAR with the sizes and the crop of torchvision's Resize and CenterCrop.
"""
import io
import os
import subprocess
import zlib

import numpy as np
from PIL import Image

here = os.path.dirname(os.path.abspath(__file__))
lines = []


def picture(width, height, bands):
    """Smooth colours with edges and some grain, the same every time."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(127 + 90 * np.sin(x / (5.0 + 2 * b)) + 60 * np.cos(y / (4.0 + b)) + 40 * ((x // 7 + y // 5 + b) % 2)) for b in range(bands)]
    grain = np.random.RandomState(7).randint(-12, 13, (height, width, bands))
    return np.clip(np.stack(planes, -1) + grain, 0, 255).astype(np.uint8)


def path(name):
    return os.path.join(here, name)


def grey(rgb):
    r, g, b = [rgb[..., i].astype(np.int64) for i in range(3)]
    return ((19595 * r + 38470 * g + 7471 * b + 32768) >> 16).astype(np.uint8)


def djpeg(name, *options):
    data = subprocess.run(["djpeg", "-pnm", *options, path(name)], check=True, capture_output=True).stdout
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def colours(pixels):
    return np.repeat(pixels, 3, -1) if pixels.shape[-1] == 1 else pixels


def turned(pixels, orientation):
    steps = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
             5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
             8: lambda a: np.rot90(a, 1)}
    return steps[orientation](pixels)


def expect(name, pixels, size=0):
    pixels = np.ascontiguousarray(pixels.reshape(pixels.shape[0], pixels.shape[1], -1))
    height, width, channels = pixels.shape
    lines.append("%s %d %d %d %d %08x" % (name, channels, size, width, height, zlib.crc32(pixels.tobytes())))


def resized(pixels, size):
    """torchvision's Resize(size) and CenterCrop(size) by Pillow."""
    image = Image.fromarray(pixels)
    width, height = image.size
    short = min(width, height)
    new = (int(size * width / short), int(size * height / short))
    image = image.resize(new, Image.BILINEAR)
    left, top = int(round((new[0] - size) / 2.0)), int(round((new[1] - size) / 2.0))
    return np.asarray(image.crop((left, top, left + size, top + size)))


def exif(orientation, big):
    order, word = (b"MM\0*", "big") if big else (b"II*\0", "little")
    entry = (0x0112).to_bytes(2, word) + (3).to_bytes(2, word) + (1).to_bytes(4, word) + orientation.to_bytes(2, word) + b"\0\0"
    return b"Exif\0\0" + order + (8).to_bytes(4, word) + (1).to_bytes(2, word) + entry + b"\0\0\0\0"


def jpegs():
    rgb = Image.fromarray(picture(41, 29, 3))
    kinds = {"420.jpg": dict(subsampling=2), "444.jpg": dict(subsampling=0), "422.jpg": dict(subsampling=1),
             "progressive.jpg": dict(progressive=True), "restart.jpg": dict(restart_marker_blocks=2)}
    for name, options in kinds.items():
        rgb.save(path(name), quality=80, **options)
        expect(name, djpeg(name))
        expect(name, djpeg(name, "-grayscale"))
    Image.fromarray(picture(33, 17, 1)[..., 0]).save(path("grey.jpg"), quality=85)
    expect("grey.jpg", colours(djpeg("grey.jpg")))
    expect("grey.jpg", djpeg("grey.jpg"))


def inks():
    Image.fromarray(picture(24, 20, 4), "CMYK").save(path("cmyk.jpg"), quality=85)
    expect("cmyk.jpg", djpeg("cmyk.jpg"))
    expect("cmyk.jpg", grey(djpeg("cmyk.jpg")))
    data = bytearray(open(path("cmyk.jpg"), "rb").read())
    adobe = data.index(b"\xff\xee")
    length = int.from_bytes(data[adobe + 2:adobe + 4], "big")
    data[adobe + 2 + length - 1] = 2  # its colour transform: luminance, chrominance and black
    open(path("ycck.jpg"), "wb").write(data)
    expect("ycck.jpg", djpeg("ycck.jpg"))
    open(path("cmyk_plain.jpg"), "wb").write(data[:adobe] + data[adobe + 2 + length:])
    expect("cmyk_plain.jpg", djpeg("cmyk_plain.jpg"))


def orientations():
    for o in range(1, 9):
        name = "exif%d.jpg" % o
        Image.fromarray(picture(23, 14, 3)).save(path(name), quality=80, exif=exif(o, o % 2 == 0))
        expect(name, turned(djpeg(name), o))


def over_white(rgba):
    v, a = rgba[..., :3].astype(np.int64), rgba[..., 3:].astype(np.int64)
    return ((v * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)


def interlaced(pixels):
    """Adam7, which Pillow does not write: 8-bit RGB, no filter."""
    height, width, _ = pixels.shape
    raw = b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        part = pixels[y0::dy, x0::dx]
        if part.size:
            raw += b"".join(b"\0" + row.tobytes() for row in part)
    return png(width, height, 8, 2, raw, interlace=1)


def png(width, height, depth, colour, raw, interlace=0):
    def chunk(kind, body):
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, interlace])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def pngs():
    rgb, rgba = picture(37, 26, 3), picture(19, 23, 4)
    Image.fromarray(rgb).save(path("rgb.png"))
    expect("rgb.png", rgb)
    expect("rgb.png", grey(rgb))
    for size in (16, 26, 40):
        expect("rgb.png", resized(rgb, size), size)
    expect("rgb.png", resized(grey(rgb), 11), 11)
    Image.fromarray(rgba).save(path("rgba.png"))
    expect("rgba.png", over_white(rgba))
    palette = Image.fromarray(rgb).quantize(13)
    palette.save(path("palette.png"))
    expect("palette.png", np.asarray(palette.convert("RGB")))
    palette.save(path("palette_clear.png"), transparency=3)
    expect("palette_clear.png", over_white(np.asarray(Image.open(path("palette_clear.png")).convert("RGBA"))))
    la = picture(15, 12, 2)
    Image.fromarray(la, "LA").save(path("grey_alpha.png"))
    expect("grey_alpha.png", colours(over_white(np.concatenate([la[..., :1]] * 3 + [la[..., 1:]], -1))[..., :1]))
    bits = picture(21, 9, 1)[..., 0] > 128
    Image.fromarray(bits).save(path("bits.png"))
    expect("bits.png", colours((bits * 255).astype(np.uint8)[..., None]))
    open(path("interlaced.png"), "wb").write(interlaced(rgb))
    expect("interlaced.png", rgb)
    deep = (picture(18, 11, 3).astype(np.int64) * 257 + 55).clip(0, 65535)
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    open(path("deep.png"), "wb").write(png(18, 11, 16, 2, raw))
    expect("deep.png", ((deep * 255 + 32895) >> 16).astype(np.uint8))  # as libpng's png_set_scale_16 rounds


jpegs()
inks()
orientations()
pngs()
with open(path("expected.txt"), "w") as out:
    out.write("\n".join(lines) + "\n")
