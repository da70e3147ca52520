"""Folds side by side in one process: a step of each in turn, on a GPU each in a stream of its own.

A step of one small network leaves a GPU idle between its kernels; those of the others fill the gaps. Every
network draws from random numbers of its own, so that each ends as if it had been trained alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from evface.dataset.naming import TakeId
from evface.dataset.splits import Fold
from evface.training.au import conclude, trainer_of
from evface.training.clips import Clip
from evface.training.config import TrainingConfig
from evface.training.loop import Trainer, deterministic
from evface.training.run_folder import finished, fold_folder, identity_of
from evface.training.watching import Epoch, Watch


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Trains so many folds at once, as a `evface.training.au.Runner`.

    Attributes:
        at_once: networks in memory together.
    """

    at_once: int = 7

    def __call__(
        self,
        clips: Mapping[TakeId, Clip],
        config: TrainingConfig,
        runs: Sequence[tuple[Fold, int]],
        out: Path,
        watch: Watch,
    ) -> list[dict[str, Any]]:
        """Train and judge every fold and seed that is not done yet; see `train_fold`."""
        waiting, active = list(runs), list[_Lane]()
        with deterministic():
            while waiting or active:
                while waiting and len(active) < self.at_once:
                    fold, seed = waiting.pop(0)
                    if finished(fold_folder(out, fold, seed), identity_of(config, fold, seed)) is not None:
                        watch(Epoch(fold.name, seed, config.epochs, config.epochs))
                        continue
                    active.append(_Lane(clips, config, fold, seed, out, watch))
                for lane in list(active):
                    if not lane.advance():
                        conclude(lane.trainer, clips, config, lane.fold, lane.seed, out)
                        active.remove(lane)
        return [
            finished(fold_folder(out, fold, seed), identity_of(config, fold, seed)) or {}
            for fold, seed in runs
        ]


class _Lane:
    """One network of those side by side."""

    def __init__(
        self,
        clips: Mapping[TakeId, Clip],
        config: TrainingConfig,
        fold: Fold,
        seed: int,
        out: Path,
        watch: Watch,
    ) -> None:
        self.fold, self.seed = fold, seed
        self.trainer: Trainer = trainer_of(clips, config, fold, seed, out)
        self._stream: torch.cuda.Stream | None = None
        if self.trainer.team.device.type == "cuda":
            self._stream = torch.cuda.Stream(self.trainer.team.device)
            self._stream.wait_stream(torch.cuda.current_stream(self.trainer.team.device))
        self._steps = self.trainer.steps(
            lambda epoch, measures: watch(Epoch(fold.name, seed, epoch, config.epochs, measures))
        )
        self._random = _random_state()

    def advance(self) -> bool:
        """One more step.

        Returns:
            Whether there was one left.
        """
        with self._surroundings():
            for _ in self._steps:
                return True
        if self._stream is not None:
            self._stream.synchronize()
        return False

    @contextmanager
    def _surroundings(self) -> Iterator[None]:
        others = _random_state()
        _set_random_state(self._random)
        try:
            # Without a stream (None) this does nothing.
            with torch.cuda.stream(self._stream):
                yield
        finally:
            self._random = _random_state()
            _set_random_state(others)


def _random_state() -> tuple[torch.Tensor, torch.Tensor | None]:
    there = torch.cuda.is_available() and torch.cuda.is_initialized()
    return torch.get_rng_state(), torch.cuda.get_rng_state() if there else None


def _set_random_state(state: tuple[torch.Tensor, torch.Tensor | None]) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1])
