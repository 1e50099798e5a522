#!/usr/bin/env python3
"""Writes a .safetensors file for fastlr_dist --init-weights from a torch state dict.

    python3 -c 'import torch, torchvision; torch.save(torchvision.models.resnet34(weights="DEFAULT").state_dict(), "resnet34.pth")'
    scripts/weights_from_torch.py resnet34.pth resnet34.safetensors

IN is what torch.save wrote: a state dict, or a dictionary that holds one as "state_dict", "model" or "model_state". Prefixes that
wrappers add to every name ("module.", "_orig_mod.") are taken off. Tensors become float32; integers, as num_batches_tracked, are
left out. Needs torch alone. --list prints names and shapes and writes nothing.
"""

import argparse
import json
import struct
import sys

import torch

WRAPPERS = ("module.", "_orig_mod.")
INNER = ("state_dict", "model", "model_state")


def find_state_dict(loaded):
    """The dictionary of tensors in what torch.load gave."""
    for key in INNER:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if hasattr(loaded, "state_dict"):
        loaded = loaded.state_dict()
    if not isinstance(loaded, dict):
        sys.exit("it holds no state dict: save model.state_dict()")
    return loaded


def unwrap(state):
    """Names without the prefixes of wrappers."""
    for prefix in WRAPPERS:
        if state and all(name.startswith(prefix) for name in state):
            state = {name[len(prefix) :]: tensor for name, tensor in state.items()}
    return state


def floating(state):
    """The floating point tensors, float32 on the CPU."""
    return {
        name: tensor.detach().to("cpu", torch.float32).contiguous()
        for name, tensor in state.items()
        if torch.is_tensor(tensor) and tensor.is_floating_point()
    }


def write(path, state):
    """Eight bytes of header length, a JSON header padded to a multiple of 8, the tensors one after another, little-endian."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in state.items():
        end = offset + 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in state.values():
            file.write(tensor.numpy().astype("<f4").tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", metavar="IN", help="file written by torch.save")
    parser.add_argument("output", metavar="OUT.safetensors", nargs="?", help="file to write")
    parser.add_argument("--list", action="store_true", help="print names and shapes only")
    options = parser.parse_args()
    if not options.list and not options.output:
        parser.error("OUT.safetensors is missing")
    state = floating(unwrap(find_state_dict(torch.load(options.input, map_location="cpu", weights_only=True))))
    if not state:
        sys.exit(f"{options.input}: no floating point tensors")
    if options.list:
        for name, tensor in state.items():
            print(name, list(tensor.shape))
    else:
        write(options.output, state)
        print(f"{options.output}: {len(state)} tensors, {sum(t.numel() for t in state.values())} numbers")


if __name__ == "__main__":
    main()
