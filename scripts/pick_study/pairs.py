"""What is studied: settings (net, data, optimizer, batch, ranks), and their budgets. A setting with a budget is a pair."""

import dataclasses

import numpy as np

CIFAR_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


@dataclasses.dataclass(frozen=True)
class Setting:
    """Of sweeps and trainings; its sweeps serve all of its budgets."""

    name: str
    data: str  # digits, noisyP (P % wrong labels) or cifar
    options: str  # of the program
    steps: tuple  # of training: one pair each
    ranks: int = 1
    sweep_seeds: int = 3
    grid_seeds: int = 2
    confirms: bool = False  # trained after the rules were fixed: no part of their making

    @property
    def optimizer(self):
        words = self.options.split()
        return words[words.index("--optimizer") + 1]


EXPENSIVE = {"sweep_seeds": 2, "grid_seeds": 1}

# The cheap ones first: what is there when the study is cut short makes a table of its own.
SETTINGS = (
    Setting("mlp-digits-adam-64", "digits", "--model mlp --optimizer adam --batch 64", (110, 3300)),
    Setting("mlp-digits-sgd-64", "digits", "--model mlp --optimizer sgd --batch 64", (110, 3300)),
    Setting("mlp-digits-sgd-16", "digits", "--model mlp --optimizer sgd --batch 16", (445,)),
    Setting("mlp-digits-adam-256", "digits", "--model mlp --optimizer adam --batch 256", (100,)),
    Setting("deep-digits-adam-64", "digits", "--model mlp --hidden 64,64,64,64,64,64 --optimizer adam --batch 64", (220,)),
    Setting("mlp-noisy20-adam-64", "noisy20", "--model mlp --optimizer adam --batch 64", (310,)),
    Setting("mlp-noisy5-sgd-32", "noisy5", "--model mlp --optimizer sgd --batch 32", (620,)),
    Setting("mlp-digits-adam-64-4ranks", "digits", "--model mlp --optimizer adam --batch 64", (220,), ranks=4),
    Setting("cnn-digits-adam-64", "digits", "--model cnn --optimizer adam --batch 64", (110, 880)),
    Setting("cnn-digits-sgd-32-4ranks", "digits", "--model cnn --optimizer sgd --batch 32", (220,), ranks=4),
    Setting("mlp-noisy20-sgd-16", "noisy20", "--model mlp --optimizer sgd --batch 16", (620,)),
    Setting("mlp-noisy20-adam-256", "noisy20", "--model mlp --optimizer adam --batch 256", (150,)),
    Setting("cnn-digits-adam-16", "digits", "--model cnn --optimizer adam --batch 16", (445,)),
    Setting("resnet20-digits-sgd-32", "digits", "--model resnet20 --optimizer sgd --batch 32", (220,)),
    Setting("mlp-cifar-adam-64", "cifar", "--model mlp --optimizer adam --batch 64", (310,)),
    Setting("mlp-cifar-sgd-256", "cifar", "--model mlp --optimizer sgd --batch 256", (150,)),
    Setting("resnet9-digits-adam-64", "digits", "--model resnet9 --optimizer adam --batch 64", (110,)),
    Setting("resnet20-cifar-sgd-16", "cifar", "--model resnet20 --optimizer sgd --batch 16", (250,), grid_seeds=1),
    Setting("cnn-cifar-adam-32", "cifar", "--model cnn --optimizer adam --batch 32", (150,), **EXPENSIVE),
    Setting("resnet20-cifar-adam-32", "cifar", "--model resnet20 --optimizer adam --batch 32", (150,), **EXPENSIVE),
    Setting("resnet9-cifar-sgd-16", "cifar", "--model resnet9 --optimizer sgd --batch 16", (100,), **EXPENSIVE),
    Setting("cnn-cifar-sgd-64", "cifar", "--model cnn --optimizer sgd --batch 64", (120,), **EXPENSIVE),
    Setting("resnet20-cifar-sgd-64-4ranks", "cifar", "--model resnet20 --optimizer sgd --batch 64", (120,), 4, confirms=True, **EXPENSIVE),
    Setting("resnet9-cifar-adam-16", "cifar", "--model resnet9 --optimizer adam --batch 16", (100,), confirms=True, **EXPENSIVE),
    Setting("deep-digits-sgd-64", "digits", "--model mlp --hidden 64,64,64 --optimizer sgd --batch 64", (220,), confirms=True),
    Setting("mlp-noisy5-adam-16", "noisy5", "--model mlp --optimizer adam --batch 16", (620,), confirms=True),
    Setting("cnn-digits-sgd-256", "digits", "--model cnn --optimizer sgd --batch 256", (80,), confirms=True),
    Setting("mlp-cifar-sgd-32", "cifar", "--model mlp --optimizer sgd --batch 32", (400,), confirms=True),
    Setting("mlp-cifar-adam-16", "cifar", "--model mlp --optimizer adam --batch 16", (500,), confirms=True),
    Setting("resnet20-digits-adam-16", "digits", "--model resnet20 --optimizer adam --batch 16", (300,), confirms=True),
    Setting("cnn-cifar-sgd-16", "cifar", "--model cnn --optimizer sgd --batch 16", (200,), confirms=True, **EXPENSIVE),
    Setting("resnet20-cifar-sgd-32", "cifar", "--model resnet20 --optimizer sgd --batch 32", (200,), confirms=True, **EXPENSIVE),
    Setting("resnet20-cifar-adam-32", "cifar", "--model resnet20 --optimizer adam --batch 32", (600,), **EXPENSIVE),
)

# log10 of the coarse grid's rates: half decades.
COARSE = {"adam": (-4.0, 0.0), "sgd": (-3.0, 1.0)}
FARTHEST = 2.0  # decades that the grid follows a best rate beyond its ends


def coarse_grid(optimizer):
    low, high = COARSE[optimizer]
    return [low + 0.5 * i for i in range(round(2 * (high - low)) + 1)]


def refinements(losses, optimizer):
    """The exponents to train next, given {exponent: mean loss}: a half decade beyond an end that is best, else a quarter of a
    decade to both sides of the best. None: done."""
    best = min(losses, key=losses.get)
    low, high = COARSE[optimizer]
    if best == min(losses) and best > low - FARTHEST:
        return [best - 0.5]
    if best == max(losses) and best < high + FARTHEST:
        return [best + 0.5]
    return [e for e in (best - 0.25, best + 0.25) if e not in losses]


def write_noisy_csv(folder, wrong, seed=1, train=4000, valid=1000, features=20, classes=5):
    """Gaussian clouds in two layers that no plane parts, a share of the labels drawn anew: train.csv and valid.csv."""
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(2 * classes, features)) * 0.7
    for split, count in (("train", train), ("valid", valid)):
        cloud = draw.integers(2 * classes, size=count)
        x = centres[cloud] + draw.normal(size=(count, features))
        y = np.where(draw.random(count) < wrong, draw.integers(classes, size=count), cloud % classes)
        with open(folder / f"{split}.csv", "w", encoding="ascii") as file:
            file.write(",".join([f"x{i}" for i in range(features)] + ["label"]) + "\n")
            for row, label in zip(x, y):
                file.write(",".join(f"{value:.6g}" for value in row) + f",{label}\n")
