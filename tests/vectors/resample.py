#!/usr/bin/env python3
"""Parts of images resized by Pillow, which is what torchvision resizes with: tests/vectors/resample.py > tests/vectors/resample.json

Needs Pillow and numpy. Element i of an image of n elements is (i * 131 + i * i // 7) % 256, in NHWC order. `values` are of the
window cropped out first and resized in float32 by Image.BILINEAR, channel by channel; of a test-time case the whole image is
resized to a shorter side of crop * 256 / 224, and the middle taken, as torchvision's Resize and CenterCrop do. `bytes` are the same by
Pillow's arithmetic for bytes, which rounds after each axis."""

import json
import sys

import numpy as np
import PIL
from PIL import Image

# name, channels, height, width, window (top, left, height, width), output (height, width)
WINDOWS = (
    ("as it is", 3, 6, 5, (1, 2, 4, 3), (4, 3)),
    ("larger", 3, 7, 6, (1, 1, 4, 3), (9, 8)),
    ("a little larger", 1, 9, 9, (0, 2, 7, 6), (8, 9)),
    ("smaller", 3, 19, 23, (2, 3, 16, 17), (5, 7)),
    ("much smaller", 4, 40, 33, (0, 0, 40, 33), (3, 4)),
    ("wider and lower", 3, 20, 12, (3, 4, 17, 5), (6, 11)),
    ("one pixel", 3, 5, 5, (2, 3, 1, 1), (3, 4)),
    ("one row", 1, 8, 30, (4, 1, 1, 28), (2, 9)),
)
# name, channels, height, width, crop
TEST_TIME = (("test time", 3, 24, 31, 14), ("test time, upright", 1, 37, 20, 9))


def image(channels, height, width):
    i = np.arange(height * width * channels, dtype=np.int64)
    return ((i * 131 + i * i // 7) % 256).astype(np.uint8).reshape(height, width, channels)


def resized(pixels, size, dtype):
    """Channel by channel; size is (height, width)."""
    planes = [Image.fromarray(np.ascontiguousarray(pixels[:, :, c].astype(dtype))) for c in range(pixels.shape[2])]
    return np.stack([np.asarray(p.resize((size[1], size[0]), Image.BILINEAR)) for p in planes], axis=2)


def middle(size, wanted):
    return int(round((size - wanted) / 2))


def window_case(name, channels, height, width, window, out):
    top, left, h, w = window
    part = image(channels, height, width)[top : top + h, left : left + w]
    return {"name": name, "stored": [height, width, channels], "window": window, "out": out}, lambda t: resized(part, out, t)


def test_time_case(name, channels, height, width, crop):
    side, wanted = min(height, width), round(crop * 256 / 224)
    size = (int(wanted * height / side), int(wanted * width / side))
    y, x = middle(size[0], crop), middle(size[1], crop)
    whole = image(channels, height, width)
    case = {"name": name, "stored": [height, width, channels], "crop": crop}
    return case, lambda t: resized(whole, size, t)[y : y + crop, x : x + crop]


def main():
    cases = []
    for case, make in [window_case(*w) for w in WINDOWS] + [test_time_case(*t) for t in TEST_TIME]:
        case["values"] = [round(float(v), 4) for v in make(np.float32).ravel()]
        case["bytes"] = [int(v) for v in make(np.uint8).ravel()]
        cases.append(case)
    lines = ",\n".join(json.dumps(c) for c in cases)
    sys.stdout.write('{"made_with": "Pillow %s",\n"cases": [\n%s\n]}\n' % (PIL.__version__, lines))


if __name__ == "__main__":
    main()
