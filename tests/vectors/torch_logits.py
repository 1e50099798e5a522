#!/usr/bin/env python3
"""torchvision's ResNets against ours. Needs torch, torchvision and numpy.

    tests/vectors/torch_logits.py make > tests/vectors/torch_logits.json
        The logits of resnet18, 34 and 50 in evaluation mode on two images, with weights that follow from their names (a hash), so
        that the test tests/ops/torch_logits.c can make the same ones without torch.
    tests/vectors/torch_logits.py check PROGRAM
        With h5py too: the same nets through the program. A torch state dict goes in by scripts/weights_from_torch.py, eval's loss is
        compared with torch's, a run that changes nothing is exported, torch loads that strictly, and all bytes are equal.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torchvision

MODELS, CLASSES, SIDE, IMAGES = ("resnet18", "resnet34", "resnet50"), 10, 64, 2


def numbers(name, count):
    """float64 in -0.5..0.5: splitmix64 of the name's FNV-1a hash plus the index, its upper 24 bits."""
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = (key ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(key) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) / 2**24 - 0.5


def tensor(name, shape):
    """By the kind that name and shape tell. The first class has the logit 0, which lets the others be read off probabilities."""
    u = numbers(name, int(np.prod(shape))).reshape(shape)
    if len(shape) == 4:
        values = u * np.sqrt(24.0 / np.prod(shape[1:]))
    elif len(shape) == 2:
        values = u * np.sqrt(24.0 / shape[1])
        values[0] = 0
    elif name.endswith("running_var"):
        values = 1 + u
    elif name == "fc.bias":
        values = u
        values[0] = 0
    elif name.endswith("weight"):
        values = 0.6 + 0.4 * u
    else:
        values = 0.2 * u
    return torch.from_numpy(values.astype(np.float32))


def images(count):
    """Bytes [n, h, w, c]."""
    return ((numbers("images", count * SIDE * SIDE * 3) + 0.5) * 256).astype(np.uint8).reshape(count, SIDE, SIDE, 3)


def net(name):
    model = torchvision.models.__dict__[name](num_classes=CLASSES)
    state = {k: v if k.endswith("num_batches_tracked") else tensor(k, tuple(v.shape)) for k, v in model.state_dict().items()}
    model.load_state_dict(state, strict=True)
    return model.eval()


def logits(model, pixels):
    with torch.no_grad():
        return model(torch.from_numpy(pixels.astype(np.float32) / 255).permute(0, 3, 1, 2))


def make():
    out = {"torch": torch.__version__, "torchvision": torchvision.__version__, "side": SIDE, "classes": CLASSES}
    for name in MODELS:
        out[name] = [[float(f"{x:.9g}") for x in row] for row in logits(net(name), images(IMAGES)).tolist()]
    print(json.dumps(out, indent=1))


def write_data(path, pixels, labels):
    import h5py

    with h5py.File(path, "w") as file:
        for split in ("train", "valid"):
            file[f"{split}/images"], file[f"{split}/labels"] = pixels, labels


def check_one(name, program, folder):
    scripts = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts")
    model, pixels = net(name), images(32)
    labels = (np.arange(32) % CLASSES).astype(np.int32)
    files = {k: os.path.join(folder, name + k) for k in (".pth", ".safetensors", ".h5", "-run", "-back.safetensors")}
    torch.save(model.state_dict(), files[".pth"])
    subprocess.run([sys.executable, os.path.join(scripts, "weights_from_torch.py"), files[".pth"], files[".safetensors"]], check=True)
    write_data(files[".h5"], pixels, labels)
    same = ["--model", name, "--stem", "imagenet", "--normalize", "none", "--batch", "16", "--data", files[".h5"]]
    answer = subprocess.run([program, "eval", files[".safetensors"], *same, "--json"], check=True, capture_output=True)
    loss = json.loads(answer.stdout)["loss"]
    wanted = torch.nn.functional.cross_entropy(logits(model, pixels), torch.from_numpy(labels).long()).item()
    print(f"{name}: loss {loss:.7f}, torch {wanted:.7f}")
    nothing = ["--freeze", "--bn-freeze", "--lr", "0", "--wd", "0", "--steps", "1", "--plot", "none", "--quiet", "--out", files["-run"]]
    subprocess.run([program, "fit", "--init-weights", files[".safetensors"], *same, *nothing], check=True)
    subprocess.run([program, "export", files["-run"] + "/final.h5", files["-back.safetensors"]], check=True)
    before, after = read(files[".safetensors"]), read(files["-back.safetensors"])
    assert before.keys() == after.keys(), set(before) ^ set(after)
    assert all((before[k] == after[k]).all() for k in before), "other bytes came back"
    tracked = {k: v for k, v in model.state_dict().items() if k.endswith("num_batches_tracked")}
    model.load_state_dict({**{k: torch.from_numpy(v) for k, v in after.items()}, **tracked}, strict=True)
    assert abs(loss - wanted) <= 1e-4, "the losses differ"


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {
        k: np.frombuffer(data, "<f4", (v["data_offsets"][1] - v["data_offsets"][0]) // 4, start + v["data_offsets"][0]).reshape(v["shape"]).copy()
        for k, v in header.items()
    }


def main():
    if sys.argv[1:] == ["make"]:
        make()
    elif len(sys.argv) == 3 and sys.argv[1] == "check":
        with tempfile.TemporaryDirectory() as folder:
            for name in MODELS:
                check_one(name, os.path.abspath(sys.argv[2]), folder)
        print("all equal")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
