"""A training of some seconds for tests that kill it: `python killed_training.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from evface.dataset.naming import TakeId
from evface.dataset.splits import folds_of
from evface.training import TrainingConfig
from evface.training.au import train_clips
from evface.training.clips import Clip

CONFIG = TrainingConfig(
    name="quick", model={"preset": "small", "classes": 2}, aus=(12, 45), epochs=12, batch_size=2
)


def clips() -> dict[TakeId, Clip]:
    """Two subjects, two Action Units, three takes of unequal length."""
    generator = torch.Generator().manual_seed(3)
    found = {}
    for subject in ("S01", "S02"):
        for label, au in enumerate((12, 45)):
            for take in (1, 2, 3):
                frames = torch.poisson(torch.full((4 + label + take, 2, 64, 64), 0.05), generator=generator)
                frames[:, label, 10:30, 10:30] += 2
                name = TakeId(subject, "01", au, take)
                found[name] = Clip(frames, label, subject, name.name)
    return found


def main(folder: Path) -> None:
    """Train two folds, or what is left of them; each epoch is said on a line."""
    train_clips(
        clips(),
        folder,
        CONFIG,
        folds_of(list(clips()), "loso"),
        progress=lambda done, total, _: print(done, total, flush=True),
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
