"""Configurations, checkpoints, and training that goes on after an interruption."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from lively_network import lively_checkpoint, lively_network
from safetensors import safe_open
from safetensors.torch import save_file

from evface.dataset.naming import TakeId
from evface.dataset.splits import folds_of
from evface.errors import ConfigError, DatasetError, FormatError
from evface.models import PRESETS, build
from evface.training import TrainingConfig, load_checkpoint, load_config, model_name
from evface.training.au import train_clips
from evface.training.clips import Clip, batches
from evface.training.side_by_side import SideBySide

PRESET_FILES = Path(__file__).resolve().parents[3] / "config" / "training"
QUICK = TrainingConfig(
    name="quick", model={"preset": "small", "classes": 2}, aus=(12, 45), epochs=4, batch_size=2
)


def clips() -> dict[TakeId, Clip]:
    generator = torch.Generator().manual_seed(3)
    found = {}
    for subject in ("S01", "S02"):
        for label, au in enumerate((12, 45)):
            frames = torch.poisson(torch.full((6 + label, 2, 64, 64), 0.05), generator=generator)
            frames[:, label, 10:30, 10:30] += 2
            take = TakeId(subject, "01", au, 1)
            found[take] = Clip(frames, label, subject, take.name)
    return found


PRESET_NAMES = sorted(
    path.stem for path in PRESET_FILES.glob("*.yaml") if not path.stem.endswith(("cvae", "unet"))
)


@pytest.mark.parametrize("name", ["paper", "small"])
def test_the_presets_can_be_read(name: str) -> None:
    config = load_config(PRESET_FILES / f"{name}.yaml")
    assert (config.name, config.model) == (name, PRESETS[name])


def test_the_papers_table_5_has_its_networks_and_rates() -> None:
    found = {}
    for network in ("snn", "cnn3d"):
        for seen in ("events", "rgb"):
            config = load_config(PRESET_FILES / f"paper-{network}-{seen}.yaml")
            assert (config.input, config.epochs, config.batch_size) == (seen, 100, 8)
            found[network, seen] = (build(config.model).parameter_count(), config.learning_rate)
    colour = {"snn": 32 * 9, "cnn3d": 64 * 27}  # weights of the one plane more
    for network, expected in {"snn": (4_312_470, 1e-3), "cnn3d": (13_669_461, 1e-4)}.items():
        assert found[network, "events"] == expected
        assert found[network, "rgb"] == (expected[0] + colour[network], expected[1])


@pytest.mark.parametrize("name", [name for name in PRESET_NAMES if name.startswith(("quick-", "better-"))])
def test_every_other_preset_is_a_network_that_learns_from_its_input(name: str) -> None:
    config = load_config(PRESET_FILES / f"{name}.yaml")
    assert config.name == name
    network = build(config.model).train()
    frames = torch.rand(9, 2, config.model.in_channels, config.model.size, config.model.size) * 3
    _, scores = network(frames, torch.tensor([9, 8]))
    network.loss(scores, torch.tensor([0, 20])).backward()
    assert next(network.parameters()).grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch: 3", "epoch"),
        ("epochs: many", "epochs"),
        ("epochs: 0", "epochs"),
        ("model: huge", "model"),
        ("model: {mapps: 3}", "mapps"),
        ("aus: [2, 3]", "aus"),
        ("- a list", "mapping of names"),
        ("a: [", "not YAML"),
    ],
)
def test_a_wrong_configuration_names_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_config(path)
    assert "wrong.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_brings_its_network_and_configuration_back(tmp_path: Path) -> None:
    path = lively_checkpoint(tmp_path / "model.safetensors")
    model, config = load_checkpoint(path)
    original = lively_network().state_dict()
    assert all(torch.equal(tensor, original[name]) for name, tensor in model.state_dict().items())
    assert (config.name, config.model, config.aus[0]) == ("lively", PRESETS["small"], 2)
    assert model_name(model, config) == model_name(lively_network(), config)
    assert model_name(lively_network(seed=1), config) != model_name(model, config)


def test_a_checkpoint_from_when_there_was_one_family_can_be_read(tmp_path: Path) -> None:
    path = lively_checkpoint(tmp_path / "model.safetensors")
    with safe_open(path, framework="pt") as file:
        header, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    fields = json.loads(header["config"])
    del fields["input"], fields["model"]["family"], fields["model"]["in_channels"]
    header |= {"format": "evface-au-snn/1", "config": json.dumps(fields)}
    save_file(tensors, tmp_path / "old.safetensors", header)
    model, config = load_checkpoint(tmp_path / "old.safetensors")
    assert config == load_checkpoint(path)[1]
    assert model_name(model, config) == header["name"]


def test_a_broken_checkpoint_is_refused_whatever_is_broken(tmp_path: Path) -> None:
    whole = lively_checkpoint(tmp_path / "model.safetensors").read_bytes()
    other = whole.replace(b"evface-au/1", b"evface-au/9")
    path = tmp_path / "broken.safetensors"
    for content in (b"", b"garbage" * 50, whole[: len(whole) // 2], other):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"broken\.safetensors"):
            load_checkpoint(path)
    with pytest.raises(FormatError, match="missing"):
        load_checkpoint(tmp_path / "missing.safetensors")


def test_an_interrupted_training_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    folds = folds_of(list(clips()), "all")
    whole = train_clips(clips(), tmp_path / "whole", QUICK, folds)

    def interrupt(done: int, total: int, text: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_clips(clips(), tmp_path / "parts", QUICK, folds, progress=interrupt)
    assert (tmp_path / "parts" / "all_seed-0" / "last.pt").exists()
    later: list[int] = []
    parts = train_clips(
        clips(), tmp_path / "parts", QUICK, folds, progress=lambda done, total, text: later.append(done)
    )
    assert later == [3, 4]
    assert parts["folds"][0]["model"] == whole["folds"][0]["model"]
    assert not (tmp_path / "parts" / "all_seed-0" / "last.pt").exists()


def test_a_folder_of_another_run_is_not_mixed_up(tmp_path: Path) -> None:
    folds = folds_of(list(clips()), "all")
    train_clips(clips(), tmp_path, QUICK, folds)
    other = QUICK.model_copy(update={"learning_rate": 0.01})
    with pytest.raises(DatasetError, match="another run"):
        train_clips(clips(), tmp_path, other, folds)


def test_a_broken_state_to_resume_from_is_one_clear_error(tmp_path: Path) -> None:
    folder = tmp_path / "all_seed-0"
    folder.mkdir()
    (folder / "last.pt").write_bytes(b"garbage")
    with pytest.raises(FormatError, match=r"last\.pt"):
        train_clips(clips(), tmp_path, QUICK, folds_of(list(clips()), "all"))


def test_batches_hold_every_clip_once_and_never_one_alone() -> None:
    for seed in range(5):
        found = batches([5, 9, 5, 80, 7, 6, 81, 79, 8], 4, torch.Generator().manual_seed(seed))
        assert sorted(index for batch in found for index in batch) == list(range(9))
        assert min(len(batch) for batch in found) > 1


def test_folds_side_by_side_end_as_one_after_the_other(tmp_path: Path) -> None:
    folds = folds_of(list(clips()), "loso")
    alone = train_clips(clips(), tmp_path / "alone", QUICK, folds, (0, 1))
    said: list[tuple[str, int, int]] = []
    together = train_clips(
        clips(),
        tmp_path / "together",
        QUICK,
        folds,
        (0, 1),
        watch=lambda epoch: said.append((epoch.fold, epoch.seed, epoch.epoch)),
        run=SideBySide(3),
    )
    assert [fold["model"] for fold in together["folds"]] == [fold["model"] for fold in alone["folds"]]
    first = [epoch for _, _, epoch in said if epoch]
    assert first[:6] == [1, 1, 1, 2, 2, 2]
