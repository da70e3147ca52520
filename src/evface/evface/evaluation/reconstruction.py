"""How well a network makes pictures of events: every test image by every method, with baselines beside."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evface.dataset.frame_pairs import FramePairs, Pairs
from evface.dataset.naming import TakeId
from evface.evaluation.image_metrics import METRICS, image_metrics

COLUMNS: Final = ("clip", "subject", "au", "frame", "method", *METRICS)
"""Of images.csv; `frame` is the number of the slice in its clip, from 0."""

BASELINES: Final = ("mean_frame", "first_frame")
"""What needs no events: the mean of all training pictures, and what the webcam saw first of the subject."""


@dataclass(frozen=True, slots=True)
class JudgedClip:
    """A test clip by every method.

    Attributes:
        take: which.
        pairs: its event frames and true pictures.
        pictures: by method, float32 ``[K, N, size, size]`` in [0, 1]; K draws, 1 where nothing is drawn.
        metrics: by method and metric, float64 ``[N]``: means over the draws.
    """

    take: TakeId
    pairs: Pairs
    pictures: dict[str, Tensor]
    metrics: dict[str, dict[str, NDArray[np.float64]]]


def mean_picture(pairs: FramePairs, takes: Sequence[TakeId]) -> NDArray[np.float64]:
    """The mean of all pictures of some clips, ``[size, size]`` in [0, 1]."""
    total, count = np.zeros((pairs.size, pairs.size)), 0
    for take in takes:
        pictures = pairs[take].pictures
        total += pictures.sum(0, dtype=np.float64)
        count += len(pictures)
    return total / (255.0 * count)


def judge_clips(
    model: Any, pairs: FramePairs, train: Sequence[TakeId], test: Sequence[TakeId], samples: int, seed: int
) -> Iterator[JudgedClip]:
    """Judge a network and the baselines on test clips.

    Args:
        model: a `Cvae` or `RecurrentUnet`.
        pairs: of the dataset.
        train: what it learnt from, for the mean frame.
        test: what it is judged by.
        samples: draws from a cVAE's prior.
        seed: of the draws; each clip has its own, whatever comes before it.
    """
    model.eval()
    device = next(model.parameters()).device
    mean = torch.from_numpy(mean_picture(pairs, train)).to(torch.float32)
    first = {
        subject: torch.from_numpy(pairs.first_picture(subject)).to(torch.float32) / 255.0
        for subject in sorted({take.subject for take in test})
    }
    for number, take in enumerate(test):
        clip = pairs[take]
        counts = torch.from_numpy(clip.counts).to(device, torch.float32)
        target = torch.from_numpy(clip.pictures).to(device, torch.float32) / 255.0
        generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
        found = model.reconstruct(counts, target.unsqueeze(1), samples, generator)
        for name, picture in zip(BASELINES, (mean, first[take.subject]), strict=True):
            found[name] = picture.to(device).expand(1, *target.shape)
        metrics = {method: _means(drawn, target) for method, drawn in found.items()}
        yield JudgedClip(take, clip, {name: drawn.cpu() for name, drawn in found.items()}, metrics)


def _means(drawn: Tensor, target: Tensor) -> dict[str, NDArray[np.float64]]:
    """Metrics of each image, the mean over its draws."""
    each = [image_metrics(pictures, target) for pictures in drawn]
    return {name: np.mean([one[name].cpu().numpy() for one in each], axis=0) for name in METRICS}


def image_rows(clip: JudgedClip) -> str:
    """The rows of images.csv of a clip."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    take = clip.take
    for method, metrics in clip.metrics.items():
        for index, frame in enumerate(clip.pairs.slices):
            numbers = (f"{metrics[name][index]:.6g}" for name in METRICS)
            writer.writerow([take.name, take.subject, take.au, frame, method, *numbers])
    return text.getvalue()
