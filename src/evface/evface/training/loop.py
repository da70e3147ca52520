"""One network learning from one fold: the paper's loop (§5), interruptible after any epoch."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evface.dataset.clips import as_float
from evface.errors import DatasetError, FormatError
from evface.models import Network, build
from evface.training.augmenting import Augmenter
from evface.training.clips import Clip, batches, collate, collate_intensity
from evface.training.config import TrainingConfig

EpochReport = Callable[[int, dict[str, float]], None]
"""Called after each epoch with its number from 1 and its measures: loss, accuracy, seconds."""


@contextmanager
def deterministic() -> Iterator[None]:
    """Only operations that give the same result twice, where there is a choice."""
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


class Trainer:
    """Trains a network on the clips of a data set and keeps ``last.pt`` up to date.

    Args:
        clips: what to learn from.
        config: how.
        seed: of the weights, the order of the clips and the dropout.
        folder: where ``last.pt`` lives; training goes on from it when it is there.

    Raises:
        DatasetError: no clips, or ``last.pt`` belongs to another run.
        FormatError: ``last.pt`` cannot be read.
    """

    def __init__(self, clips: Sequence[Clip], config: TrainingConfig, seed: int, folder: Path) -> None:
        if len(clips) == 0:
            raise DatasetError("there is no clip to learn from")
        self.clips, self.config, self.folder = clips, config, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(seed)
        self.order = torch.Generator().manual_seed(seed)
        self.model = build(config.model).to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=config.epochs)
        self.augment = Augmenter(config.augmentation, config.aus)
        self.history: list[dict[str, float]] = []
        shown = [(clip.name, clip.label, len(clip.frames)) for clip in clips]
        self._key = hashlib.sha256(f"{config.model_dump_json()} {seed} {shown}".encode()).hexdigest()
        if self._last.exists():
            self._resume()

    @property
    def _last(self) -> Path:
        return self.folder / "last.pt"

    def run(self, report: EpochReport) -> Network:
        """Train until the last epoch; an interruption loses at most the epoch it falls into."""
        with deterministic():
            while len(self.history) < self.config.epochs:
                self.history.append(self._epoch())
                self._save()
                report(len(self.history), self.history[-1])
        return self.model.eval()

    def _epoch(self) -> dict[str, float]:
        start = time.perf_counter()
        self.model.train()
        loss_sum, right, count = 0.0, 0, 0
        slices = [len(clip.frames) for clip in self.clips]
        for indices in batches(slices, self.config.batch_size, self.order):
            clips = [self.augment(self.clips[index], self.order) for index in indices]
            frames, lengths, labels = collate(clips)
            wanted = collate_intensity(clips, self.config.model.classes) if self.config.slice_loss else None
            loss, means = self._step(frames.to(self.device), lengths, labels.to(self.device), wanted)
            loss_sum += loss * len(indices)
            right += int((means.argmax(1).cpu() == labels).sum())
            count += len(indices)
        self.schedule.step()
        return {"loss": loss_sum / count, "accuracy": right / count, "seconds": time.perf_counter() - start}

    def _step(
        self, frames: Tensor, lengths: Tensor, labels: Tensor, wanted: tuple[Tensor, Tensor] | None
    ) -> tuple[float, Tensor]:
        slices, means = self.model(frames, lengths)
        loss = self.model.loss(means, labels)
        if wanted is not None:
            intensity, known = (part.to(self.device) for part in wanted)
            loss = loss + self.config.slice_loss * slice_loss(slices, intensity, known)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach()), means.detach()

    def _save(self) -> None:
        state: dict[str, Any] = {
            "key": self._key,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": self.history,
            "order": self.order.get_state(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        temporary = self._last.with_suffix(".partial")
        torch.save(state, temporary)
        os.replace(temporary, self._last)

    def _resume(self) -> None:
        try:
            state = torch.load(self._last, map_location="cpu", weights_only=True)
            if state["key"] != self._key:
                raise DatasetError(
                    f"{self._last} is of another run (other configuration, clips or seed): "
                    "choose another folder, or remove it"
                )
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
            self.history = list(state["history"])
            self.order.set_state(state["order"])
            torch.set_rng_state(state["random"])
            if torch.cuda.is_available():
                torch.cuda.set_rng_state_all(state["random_cuda"])
        except DatasetError:
            raise
        except Exception as error:  # pickle, zip and key errors: whatever a broken file gives
            raise FormatError(
                f"{self._last}: cannot be resumed from: {' '.join(str(error).split())}"
            ) from error


def slice_loss(scores: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Squared distance of slices' scores from the intensities, summed over classes, mean over what is known.

    Args:
        scores: float32 ``[T, B, classes]``.
        wanted: float32 ``[T, B, classes]``.
        known: bool ``[T, B]``.

    Returns:
        A float32 scalar, 0 where nothing is known.
    """
    apart = (scores - wanted).square().sum(-1) * known
    return apart.sum() / known.sum().clamp(min=1)


def clip_scores(model: Network, clips: Sequence[Clip]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores of each clip, and its class.

    Returns:
        float32 ``[N, classes]`` and int64 ``[N]``.
    """
    device = next(model.parameters()).device
    scores = np.zeros((len(clips), model.config.classes), np.float32)
    labels = np.zeros(len(clips), np.int64)
    model.eval()
    with torch.inference_mode():
        for index in range(len(clips)):
            frames = as_float(clips[index].frames).to(device)
            scores[index] = model(frames.unsqueeze(1))[1][0].cpu().numpy()
            labels[index] = clips[index].label
    return scores, labels
