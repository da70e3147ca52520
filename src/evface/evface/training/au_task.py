"""What a recogniser of Action Units learns: clips of unequal length in batches, and its own loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evface.dataset.clips import as_float
from evface.errors import DatasetError
from evface.evaluation.onsets import SliceScores
from evface.models import Network, SteppingNetwork, build
from evface.training.augmenting import Augmenter
from evface.training.clips import Clip, batches, collate, collate_intensity
from evface.training.config import TrainingConfig
from evface.training.loop import Batch, Recipe
from evface.training.team import Team


class ClipTask:
    """The `Task` of telling clips apart.

    Args:
        clips: what to learn from.
        config: the network and how it learns.

    Raises:
        DatasetError: no clips.
    """

    def __init__(self, clips: Sequence[Clip], config: TrainingConfig) -> None:
        if len(clips) == 0:
            raise DatasetError("there is no clip to learn from")
        self.clips, self.config = clips, config
        self.augment = Augmenter(config.augmentation, config.aus)
        self.recipe = Recipe(config.epochs, config.learning_rate, mixed=True)
        shown = [(clip.name, clip.label, len(clip.frames)) for clip in clips]
        self.key = f"{config.model_dump_json()} {shown}"

    def network(self) -> Network:
        """The recogniser that the configuration describes."""
        return build(self.config.model)

    def objective(self, network: nn.Module) -> nn.Module:
        """The recogniser's own loss, and its accuracy."""
        assert isinstance(network, Network)
        return _Judged(network, self.config.slice_loss)

    def batches(self, order: torch.Generator, team: Team) -> Iterator[Batch]:
        """Clips of similar length side by side."""
        slices = [len(clip.frames) for clip in self.clips]
        for indices in batches(slices, self.config.batch_size, order):
            # All of them, so that what is drawn is the same in all processes.
            clips = [self.augment(self.clips[index], order) for index in indices]
            mine = team.share(clips)
            frames, lengths, labels = collate(mine)
            inputs = [frames.to(team.device), lengths, labels.to(team.device)]
            if self.config.slice_loss:
                inputs += [
                    part.to(team.device) for part in collate_intensity(mine, self.config.model.classes)
                ]
            yield Batch(tuple(inputs), len(mine), len(indices))


class _Judged(nn.Module):
    """A recogniser with its loss, and that of its slices where their intensities are given."""

    def __init__(self, network: Network, weight: float) -> None:
        super().__init__()
        self.network, self.weight = network, weight

    def forward(
        self,
        frames: Tensor,
        lengths: Tensor,
        labels: Tensor,
        intensity: Tensor | None = None,
        known: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        slices, scores = self.network(frames, lengths)
        right = (scores.detach().argmax(1) == labels).to(torch.float32).mean()
        loss = self.network.loss(scores, labels)
        if intensity is not None and known is not None:
            loss = loss + self.weight * slice_loss(slices, intensity, known)
        return loss, {"accuracy": right}


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


def stream_scores(model: SteppingNetwork, clips: Sequence[Clip]) -> list[SliceScores]:
    """Scores of the slices of those clips whose intensity is known, each clip from rest."""
    device = next(model.parameters()).device
    found = []
    model.eval()
    with torch.inference_mode():
        for clip in clips:
            if clip.intensity is not None:
                scores = model(as_float(clip.frames).to(device).unsqueeze(1))[0][:, 0].cpu().numpy()
                found.append(SliceScores(scores, clip.label, clip.intensity.numpy()))
    return found
