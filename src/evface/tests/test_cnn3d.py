"""The 3D convolutional baseline: its size, its padding, and that it learns and is saved like the others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from evface.dataset.naming import TakeId
from evface.dataset.splits import folds_of
from evface.errors import ConfigError, GeometryError
from evface.evaluation import StreamingRecognizer
from evface.models import CNN3D_PARAMETERS, Cnn3dConfig, build
from evface.training import TrainingConfig, load_checkpoint
from evface.training.au import train_clips
from evface.training.clips import Clip

TINY = {"maps": 4, "hidden": 16, "size": 16}


def convolution(inputs: int, maps: int) -> int:
    return 27 * inputs * maps + maps


def counts(slices: int, batch: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.poisson(torch.full((slices, batch, 2, 16, 16), 0.4), generator=generator)


def test_layout_p_is_c3d_up_to_conv4b_and_one_layer_of_classes() -> None:
    widths = [(2, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
    expected = sum(convolution(*width) for width in widths) + 8192 * 21 + 21
    network = build(Cnn3dConfig(layout="P"))
    assert network.parameter_count() == CNN3D_PARAMETERS["P"] == expected == 13_669_461
    assert round(expected / 2**20, 2) == 13.04


def test_layout_s_has_a_convolution_a_stage_and_a_hidden_layer() -> None:
    widths = [(2, 64), (64, 128), (128, 256), (256, 512)]
    expected = sum(convolution(*width) for width in widths) + 8192 * 1024 + 1024 + 1024 * 21 + 21
    network = build(Cnn3dConfig(layout="S"))
    assert network.parameter_count() == CNN3D_PARAMETERS["S"] == expected == 13_060_437


@pytest.mark.parametrize("layout", ["P", "S"])
@pytest.mark.parametrize("length", [3, 8, 13, 17])
def test_a_clip_has_the_same_scores_in_whatever_company(layout: str, length: int) -> None:
    torch.manual_seed(1)
    network = build(Cnn3dConfig(layout=layout, **TINY)).eval()
    frames = counts(25, 2)
    frames[length:, 1] = 7.0  # whatever lies behind the end
    with torch.inference_mode():
        slices, together = network(frames, torch.tensor([25, length]))
        _, alone = network(frames[:length, 1:])
        _, company = network(frames[:, :1])
    assert slices.shape == (3, 2, 21)
    assert torch.allclose(together[1], alone[0], atol=1e-5)
    assert torch.allclose(together[0], company[0], atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=1e-3)


def test_a_frame_that_is_too_small_is_refused() -> None:
    with pytest.raises(GeometryError, match="halved four times"):
        build(Cnn3dConfig(size=32, pooling=4))


def test_it_learns_is_saved_and_refuses_a_stream(tmp_path: Path) -> None:
    clips = {}
    for subject in ("S01", "S02"):
        for label, au in enumerate((12, 45)):
            frames = counts(9 + label, 1, seed=label)[:, 0]
            frames[3:7, :, 8 * label : 8 * label + 8] += 3
            take = TakeId(subject, "01", au, 1)
            clips[take] = Clip(frames, label, subject, take.name)
    config = TrainingConfig(
        name="tiny",
        model=Cnn3dConfig(classes=2, **TINY),
        aus=(12, 45),
        epochs=10,
        batch_size=2,
        learning_rate=3e-3,
    )
    summary = train_clips(clips, tmp_path, config, folds_of(list(clips), "loso"))
    assert summary["held_out"]["accuracy"]["pooled"] == 1.0
    path = tmp_path / "sub-S01_seed-0" / "model.safetensors"
    assert load_checkpoint(path)[1] == config
    assert summary["folds"][0]["model"].startswith("cnn3d-tiny:")
    with pytest.raises(ConfigError, match=r"cnn3d-tiny:\w+ judges whole clips"):
        StreamingRecognizer(path)
