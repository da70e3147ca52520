"""The spiking network: its size, its stream and its padding."""

from __future__ import annotations

import pytest
import torch
from lively_network import lively_network

from evface.errors import GeometryError
from evface.models import PAPER_PARAMETERS, PRESETS, PlifSnn


def counts(slices: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.poisson(torch.full((slices, batch, 2, 64, 64), 0.4), generator=generator)


def test_the_papers_network_has_its_number_of_parameters() -> None:
    assert PlifSnn(PRESETS["paper"]).parameter_count() == PAPER_PARAMETERS == 4_312_470


@pytest.mark.parametrize("preset", ["paper", "small"])
def test_a_stream_gives_the_scores_of_the_whole_clip_bit_by_bit(preset: str) -> None:
    network = lively_network(preset)
    frames = counts(12)
    with torch.inference_mode():
        votes, mean = network(frames)
    steps = torch.stack([network.step(frame) for frame in frames])
    assert 0 < float(votes.mean()) < 1
    assert torch.equal(steps, votes)
    assert torch.equal(steps.mean(0), mean)


def test_a_stream_remembers_until_it_is_reset() -> None:
    network = lively_network("small")
    frame = counts(1)[0]
    first = network.step(frame)
    later = torch.stack([network.step(frame) for _ in range(5)])
    assert not all(torch.equal(first, votes) for votes in later)
    network.reset()
    assert torch.equal(network.step(frame), first)


def test_a_changed_number_of_streams_is_refused_before_the_membranes_are_lost() -> None:
    network = lively_network("small")
    network.step(counts(1, 2)[0])
    with pytest.raises(GeometryError, match="reset"):
        network.step(counts(1, 1)[0])
    network.reset()
    network.step(counts(1, 1)[0])


def test_a_frame_of_another_size_is_refused() -> None:
    with pytest.raises(GeometryError, match="64"):
        PlifSnn(PRESETS["small"]).step(torch.zeros(1, 2, 32, 32))


def test_padding_changes_neither_scores_nor_batch_statistics() -> None:
    frames, lengths = counts(9, 2), torch.tensor([9, 4])
    padded = frames.clone()
    frames[4:, 1], padded[4:, 1] = 0, 100
    seen = []
    for batch in (frames, padded):
        network = lively_network("small").train()
        _, mean = network(batch, lengths)
        seen.append((mean, network.conv1[1].running_mean.clone()))
    assert torch.equal(seen[0][0], seen[1][0])
    assert torch.equal(seen[0][1], seen[1][1])


def test_the_mean_of_a_short_clip_is_that_of_the_clip_alone() -> None:
    network = lively_network("small")
    frames = counts(9, 2)
    frames[4:, 1] = 0
    with torch.inference_mode():
        _, together = network(frames, torch.tensor([9, 4]))
        _, alone = network(frames[:4, 1:])
    assert torch.equal(together[1], alone[0])
