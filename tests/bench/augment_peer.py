#!/usr/bin/env python3
"""torchvision beside bench_augment: tests/bench/augment_peer.py PROGRAM. Needs torch and torchvision; PROGRAM is bench_augment.

Images a second of one thread for the transforms that --augment crop-flip and resized-crop-flip stand for, on Pillow images and on byte tensors, and how
many times as fast bench_augment is: the two take turns, the best of each counts. Decoding, collating and copying are left out on both sides."""

import subprocess
import sys
import time

import torch
import torchvision
from torchvision import transforms

ROUNDS = 5


def images(count, side):
    tensors = (torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1)) * 255).to(torch.uint8)
    return list(tensors), [transforms.functional.to_pil_image(t) for t in tensors]


def rate(transform, samples):
    began = time.perf_counter()
    for sample in samples:
        transform(sample)
    return len(samples) / (time.perf_counter() - began)


def ours(program):
    """Images a second by the first two columns."""
    rows = {}
    for line in subprocess.run([program, "5"], capture_output=True, text=True, check=True).stdout.splitlines()[1:]:
        kind, size, number = line[:28].strip(), line[29:41].split(), float(line[41:].split()[0])
        rows[kind, size[0], size[2]] = number
    return rows


def main():
    torch.set_num_threads(1)
    small, large = images(256, 32), images(64, 256)
    flip = transforms.RandomHorizontalFlip()
    crop = transforms.Compose([transforms.RandomCrop(32, 4, padding_mode="reflect"), flip])
    resized = transforms.Compose([transforms.RandomResizedCrop(224, antialias=True), flip])
    cases = (
        ("crop-flip", "32", "32", crop, small[0], "tensor"),
        ("crop-flip", "32", "32", crop, small[1], "Pillow"),
        ("resized-crop-flip", "256", "224", resized, large[0], "tensor"),
        ("resized-crop-flip", "256", "224", resized, large[1], "Pillow"),
    )
    best, mine = [0.0] * len(cases), {}
    for _ in range(ROUNDS):
        for key, number in ours(sys.argv[1]).items():
            mine[key] = max(mine.get(key, 0), number)
        for i, (_, _, _, transform, samples, _) in enumerate(cases):
            best[i] = max(best[i], rate(transform, samples))
    print("torch %s, torchvision %s" % (torch.__version__, torchvision.__version__))
    for (kind, stored, delivered, _, _, form), number in zip(cases, best):
        ratio = mine[kind, stored, delivered] / number
        print("%-18s %3s to %-3s  %-6s %9.0f images/s, here %9.0f: %.1f times" % (kind, stored, delivered, form, number, ratio * number, ratio))


if __name__ == "__main__":
    main()
