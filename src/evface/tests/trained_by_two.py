"""What torchrun starts in the test of several processes: trains whole, and again with an interruption.

    torchrun --nproc-per-node 2 trained_by_two.py DATASET OUT

Writes OUT/rank-K.txt: names of the networks trained whole and in parts, with digests of their weights.
"""

from __future__ import annotations

import sys
from pathlib import Path

from evface.dataset.frame_pairs import FramePairs
from evface.dataset.splits import Fold, folds_of
from evface.models.unet import UnetConfig
from evface.training.checkpoint import model_name
from evface.training.loop import Trainer
from evface.training.reconstruction import PictureTask, train_reconstruction
from evface.training.reconstruction_config import ReconstructionConfig
from evface.training.team import Team, team

CONFIG = ReconstructionConfig(
    name="two",
    model=UnetConfig(size=16, maps=2, levels=1, perceptual_weight=0.0),
    stretch=2,
    epochs=2,
    batch_size=3,  # one process has two stretches, the other one
)


def trained(pairs: FramePairs, fold: Fold, folder: Path, together: Team | None, stop: int = 99) -> str:
    """Name of the network; raises KeyboardInterrupt after the epoch ``stop``."""
    folder.mkdir(parents=True, exist_ok=True)

    def report(epoch: int, measures: dict[str, float]) -> None:
        if epoch == stop:
            raise KeyboardInterrupt

    return model_name(Trainer(PictureTask(pairs, CONFIG, fold), 0, folder, together).run(report), CONFIG)


def main() -> None:
    dataset, out = (Path(argument) for argument in sys.argv[1:])
    pairs = FramePairs(dataset, size=16)
    fold = folds_of(pairs.takes, "all")[0]
    with team() as together:
        assert together.size == 2
        names = [trained(pairs, fold, out / "whole", together)]
        try:
            trained(pairs, fold, out / "parts", together, stop=1)
        except KeyboardInterrupt:
            names.append(trained(pairs, fold, out / "parts", together))
        train_reconstruction(dataset, out / "run", CONFIG, "loso", team=together)
    (out / f"rank-{together.rank}.txt").write_text("\n".join(names))


if __name__ == "__main__":
    main()
