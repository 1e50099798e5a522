#!/usr/bin/env python3
"""Some classes of CIFAR-10 as an HDF5 data set (datasets/FORMAT.md). Needs h5py, numpy and PIL.

cifar_classes.py FOLDER OUT.h5 CLASS,CLASS,.. TRAIN HELD [SPLIT]    FOLDER/{train,test}/<class>/*: the first TRAIN images of each class,
and HELD of the test images of each as SPLIT (valid; test: training does not look at them).
"""

import pathlib
import sys

import h5py
import numpy as np
from PIL import Image


def load(folder, classes, count):
    files = [(path, k) for k, name in enumerate(classes) for path in sorted((folder / name).iterdir())[:count]]
    images = np.stack([np.asarray(Image.open(path).convert("RGB")) for path, _ in files])
    return images, np.array([k for _, k in files], np.int32)


def main():
    folder, out, classes = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
    held = sys.argv[6] if len(sys.argv) > 6 else "valid"
    with h5py.File(out, "w") as file:
        file.attrs["class_names"] = np.array(classes, dtype="S")
        for split, source, count in (("train", "train", int(sys.argv[4])), (held, "test", int(sys.argv[5]))):
            file[f"{split}/images"], file[f"{split}/labels"] = load(folder / source, classes, count)


if __name__ == "__main__":
    main()
