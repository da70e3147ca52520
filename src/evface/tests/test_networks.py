"""Networks that are not the paper's: company, streams, gradients, and what they may be asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from evface.errors import ConfigError, GeometryError
from evface.models import GruConfig, ResidualSnnConfig, SteppingNetwork, TransformerConfig, build
from evface.models.network import NetworkConfig
from evface.training import load_config
from evface.training.au_task import slice_loss

TINY: dict[str, Any] = {"size": 16, "stages": 2, "maps": 4, "features": 12}
NETWORKS = [
    GruConfig(hidden=10, **TINY),
    GruConfig(hidden=10, scores="intensity", in_channels=5, colours=3, **TINY),
    GruConfig(hidden=10, in_channels=3, colours=3, counts="raw", pooling=2, **TINY),
    TransformerConfig(width=16, layers=1, **TINY),
    TransformerConfig(width=16, layers=1, in_channels=4, colours=1, **TINY),
    ResidualSnnConfig(size=16, pooling=2, maps=4, hidden=24, votes=3, v_threshold=0.1, counts="log"),
]


def frames_for(config: NetworkConfig, slices: int, batch: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.poisson(torch.full((slices, batch, config.in_channels, 16, 16), 0.4), generator=generator)


@pytest.mark.parametrize("config", NETWORKS)
def test_a_clip_has_the_same_scores_in_whatever_company(config: NetworkConfig) -> None:
    torch.manual_seed(1)
    network = build(config).eval()
    frames = frames_for(config, 9, 2)
    frames[4:, 1] = 7.0
    with torch.inference_mode():
        slices, together = network(frames, torch.tensor([9, 4]))
        _, alone = network(frames[:4, 1:])
    assert slices.shape == (9, 2, 21)
    assert torch.allclose(together[1], alone[0], atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=1e-4)


@pytest.mark.parametrize("config", NETWORKS)
def test_padding_changes_no_batch_statistics_and_every_weight_learns(config: NetworkConfig) -> None:
    seen = []
    for behind in (0.0, 100.0):
        torch.manual_seed(1)
        network = build(config).train()
        frames = frames_for(config, 9, 2)
        frames[4:, 1] = behind
        _, scores = network(frames, torch.tensor([9, 4]))
        network.loss(scores, torch.tensor([3, 20])).backward()
        seen.append([buffer.clone() for buffer in network.buffers()])
        still = [name for name, weight in network.named_parameters() if not weight.grad.abs().sum() > 0]
        assert still == []
    assert all(torch.equal(one, two) for one, two in zip(*seen, strict=True))


@pytest.mark.parametrize("config", [NETWORKS[0], NETWORKS[1], NETWORKS[-1]])
def test_a_stream_gives_the_scores_of_the_whole_clip(config: NetworkConfig) -> None:
    torch.manual_seed(1)
    network = build(config).eval()
    assert isinstance(network, SteppingNetwork)
    frames = frames_for(config, 9, 1)
    with torch.inference_mode():
        slices, mean = network(frames)
    steps = torch.stack([network.step(frame) for frame in frames])
    assert torch.allclose(steps, slices, atol=1e-6)
    assert torch.allclose(steps.mean(0), mean, atol=1e-6)
    assert bool(((steps >= 0) & (steps <= 1)).all())
    again = network.step(frames[0])
    network.reset()
    assert not torch.allclose(again, steps[0], atol=1e-6)
    assert torch.allclose(network.step(frames[0]), steps[0], atol=1e-6)
    with pytest.raises(GeometryError, match="reset"):
        network.step(frames_for(config, 1, 2)[0])
    with pytest.raises(GeometryError, match="expected"):
        network.step(frames[0][..., :8])


def test_each_kind_of_plane_is_seen_by_its_own_convolutions() -> None:
    config = GruConfig(in_channels=5, colours=3, hidden=10, **TINY)
    network: Any = build(config).eval()
    frames = frames_for(config, 1, 1)
    brighter = frames.clone()
    brighter[:, :, 2:] += 1.0
    with torch.inference_mode():
        one, two = network.encoder(frames), network.encoder(brighter)
    assert torch.equal(one[..., :12], two[..., :12])
    assert not torch.equal(one[..., 12:], two[..., 12:])


def test_distance_from_intensities_leaves_out_what_nobody_knows() -> None:
    scores, wanted = torch.zeros(3, 2, 4), torch.ones(3, 2, 4)
    known = torch.tensor([[True, False], [True, False], [False, False]])
    assert float(slice_loss(scores, wanted, known)) == 4.0
    assert float(slice_loss(scores, wanted, known & False)) == 0.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("input: rgb", "in_channels: expected 3 or 1 for rgb, found 2"),
        ("{input: fusion, model: {family: gru, in_channels: 5}}", "colours: expected 3 for fusion, found 0"),
        ("representation: {kind: voxel_grid, bins: 5}", "in_channels: expected 5 for events, found 2"),
        (
            "{input: rgb, model: {family: snn, in_channels: 3}, slicing: {by: count}}",
            "slicing and representation",
        ),
        ("{model: cnn3d-p, slice_loss: 1.0}", "slice_loss: a cnn3d gives no scores"),
        ("model: {family: unheard}", "family"),
        ("model: {family: gru, hiden: 3}", "hiden"),
        ("augmentation: {flip: 2}", "flip"),
    ],
)
def test_what_does_not_fit_together_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)
