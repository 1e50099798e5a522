#!/usr/bin/env python3
"""Steps per second of PyTorch on the nets that gpu-check.sh times: eager with AMP and channels_last, and torch.compile.

usage: gpu_peer.py STEPS    One JSON line a measurement on standard output. The data lies on the GPU already, normalised.
"""
import json
import sys
import time

import torch
import torchvision

WARM_UP = 12


def small_stem(net):
    net.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)
    net.maxpool = torch.nn.Identity()
    return net


def mlp():
    sizes = [3072, 1024, 1024, 10]
    layers = [torch.nn.Flatten()]
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


NETS = [
    ("resnet50_224_b256_bf16", torchvision.models.resnet50, 224, 256, 1000),
    ("resnet18_32_b512_bf16", lambda: small_stem(torchvision.models.resnet18(num_classes=10)), 32, 512, 10),
    ("mlp_b128_bf16", mlp, 32, 128, 10),
]


def run(net, optimizer, images, labels, steps):
    for _ in range(steps):
        with torch.autocast("cuda", torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(net(images), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    torch.cuda.synchronize()


def measure(name, make, side, batch, classes, compiled, steps):
    torch.manual_seed(1)
    net = make().cuda().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)
    images = torch.randn(batch, 3, side, side, device="cuda").contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, classes, (batch,), device="cuda")
    if compiled:
        net = torch.compile(net)
    run(net, optimizer, images, labels, WARM_UP)
    began = time.perf_counter()
    run(net, optimizer, images, labels, steps)
    seconds = time.perf_counter() - began
    line = {
        "name": name + (".compile" if compiled else ".eager"),
        "torch": torch.__version__,
        "samples_per_second": round(steps * batch / seconds, 1),
        "ms_per_step": round(1e3 * seconds / steps, 4),
    }
    print(json.dumps(line), flush=True)


def main():
    steps = int(sys.argv[1])
    torch.backends.cudnn.benchmark = True
    for net in NETS:
        for compiled in (False, True):
            measure(*net, compiled, steps)


if __name__ == "__main__":
    main()
