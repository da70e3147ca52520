"""Runs of reconstruction: what they write, that they go on after kill -9, and several processes at once."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_dataset import SmallPlan, make_dataset
from trained_by_two import CONFIG as UNET
from trained_by_two import trained

from evface.dataset.frame_pairs import FramePairs
from evface.dataset.splits import folds_of
from evface.errors import ConfigError, DatasetError, FormatError
from evface.evaluation.image_metrics import METRICS
from evface.evaluation.reconstruction import COLUMNS
from evface.models.cvae import CVAE_PRESETS, CvaeConfig
from evface.training.reconstruction import train_reconstruction
from evface.training.reconstruction_checkpoint import load_reconstructor
from evface.training.reconstruction_config import ReconstructionConfig, load_reconstruction

PRESET_FILES = Path(__file__).resolve().parents[3] / "config" / "training"
CVAE = ReconstructionConfig(
    name="tiny", model=CvaeConfig(size=16, maps=(4, 6), hidden=12, latent=3), every=4, epochs=3, samples=2
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("reconstruction") / "dataset", SmallPlan(evk4=True))


@pytest.fixture(scope="module")
def run(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    train_reconstruction(dataset, out, CVAE)
    return out


@pytest.mark.parametrize("name", ["paper-cvae", "quick-cvae", "better-unet"])
def test_the_presets_can_be_read(name: str) -> None:
    config = load_reconstruction(PRESET_FILES / f"{name}.yaml")
    assert config.name == name
    if name == "paper-cvae":
        assert config.model == CVAE_PRESETS["paper"]
        assert (config.epochs, config.batch_size, config.learning_rate) == (100, 16, 1e-3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: {family: cvae, preset: small, mapps: 3}", "mapps"),
        ("model: {family: gan}", "gan"),
        ("stretch: 4", "stretch is 4, but a cVAE"),
        ("{model: {family: unet}, every: 2}", "every is 2, but a recurrent"),
        ("sensor: webcam", "sensor"),
    ],
)
def test_a_wrong_configuration_names_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_reconstruction(path)
    assert "\n" not in str(caught.value)


def test_every_image_of_the_subject_held_out_has_a_row_per_method(run: Path, dataset: Path) -> None:
    pairs = FramePairs(dataset, size=16, every=4)
    for fold in folds_of(pairs.takes):
        folder = run / f"{fold.name}_seed-0"
        with (folder / "images.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert tuple(rows[0]) == COLUMNS
        methods = ("posterior", "prior", "sample", "mean_frame", "first_frame")
        expected = {
            (take.name, str(frame), method)
            for take in fold.test
            for frame in pairs[take].slices
            for method in methods
        }
        assert {(row["clip"], row["frame"], row["method"]) for row in rows} == expected
        assert len(rows) == len(expected)
        told = json.loads((folder / "metrics.json").read_text())["held_out"]
        assert told["images"] == sum(pairs.counts[take] for take in fold.test)
        for method in methods:
            for metric in METRICS:
                mean = np.mean([float(row[metric]) for row in rows if row["method"] == method])
                assert told["methods"][method][metric] == pytest.approx(mean, rel=1e-4)


def test_the_baselines_are_the_training_mean_and_the_subjects_first_picture(run: Path, dataset: Path) -> None:
    pairs = FramePairs(dataset, size=16, every=4)
    fold = folds_of(pairs.takes)[0]
    take = fold.test[0]
    true = pairs[take].pictures / 255.0
    mean = np.concatenate([pairs[one].pictures for one in fold.train]).mean(0) / 255.0
    first = pairs[min(fold.test)].pictures[0] / 255.0
    with (run / f"{fold.name}_seed-0" / "images.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["clip"] == take.name]
    for method, picture in (("mean_frame", mean), ("first_frame", first)):
        found = [float(row["mse"]) for row in rows if row["method"] == method]
        np.testing.assert_allclose(found, ((true - picture) ** 2).mean((1, 2)), rtol=1e-3, atol=1e-9)


def test_strips_show_each_au_by_each_method(run: Path) -> None:
    folder = run / "sub-S01_seed-0" / "strips"
    assert sorted(path.name for path in folder.iterdir()) == ["au12.npz", "au45.npz"]
    with np.load(folder / "au12.npz") as strip:
        assert set(strip) == {
            "target",
            "condition",
            "posterior",
            "prior",
            "sample",
            "mean_frame",
            "first_frame",
        }
        for array in strip.values():
            assert (array.shape, array.dtype) == ((7, 16, 16), np.uint8)
        assert strip["target"][-1].mean() > strip["target"][0].mean()  # the pictures grow brighter


def test_the_checkpoint_brings_the_network_back_and_others_are_refused(run: Path, tmp_path: Path) -> None:
    path = run / "sub-S01_seed-0" / "model.safetensors"
    model, config = load_reconstructor(path)
    assert config == CVAE
    assert sum(parameter.numel() for parameter in model.parameters()) == model.parameter_count()
    broken = tmp_path / "broken.safetensors"
    for content in (b"", path.read_bytes().replace(b"evface-reconstruction/1", b"evface-reconstruction/9")):
        broken.write_bytes(content)
        with pytest.raises(FormatError, match=r"broken\.safetensors"):
            load_reconstructor(broken)


def test_a_run_of_another_configuration_is_not_mixed_up(run: Path, dataset: Path) -> None:
    with pytest.raises(DatasetError, match="another run"):
        train_reconstruction(dataset, run, CVAE.model_copy(update={"learning_rate": 0.01}))


KILLED = """
import os, signal, sys
from pathlib import Path
from evface.training.reconstruction import train_reconstruction
from test_reconstruction_runs import CVAE
def die(done, total, text):
    if text.startswith("sub-S02 seed 0"):  # the second fold's first epoch is over
        os.kill(os.getpid(), signal.SIGKILL)
train_reconstruction(Path(sys.argv[1]), Path(sys.argv[2]), CVAE, progress=die)
"""


def test_a_killed_training_ends_as_if_it_had_not_been(run: Path, dataset: Path, tmp_path: Path) -> None:
    tests = Path(__file__).parent
    path = [str(tests), str(tests.parent)]
    command = f"import sys; sys.path[:0] = {path!r}\n{KILLED}"
    killed = subprocess.run([sys.executable, "-c", command, str(dataset), str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "sub-S01_seed-0" / "metrics.json").exists()
    assert (tmp_path / "sub-S02_seed-0" / "last.pt").exists()
    heard: list[str] = []
    summary = train_reconstruction(
        dataset, tmp_path, CVAE, progress=lambda done, total, text: heard.append(f"{done}/{total} {text}")
    )
    read, done, *epochs = heard[3:]
    assert read.startswith("4/4 sub-S02_ses-01_task-au45_run-01: ")
    assert done == "3/6 sub-S01 seed 0 was done"
    assert [line.split(" loss")[0] for line in epochs] == ["5/6 sub-S02 seed 0", "6/6 sub-S02 seed 0"]
    whole = json.loads((run / "metrics.json").read_text())
    assert [fold["model"] for fold in summary["folds"]] == [fold["model"] for fold in whole["folds"]]
    assert summary["held_out"] == whole["held_out"]
    assert not (tmp_path / "sub-S02_seed-0" / "last.pt").exists()


def test_two_processes_learn_what_one_learns_and_can_be_interrupted(dataset: Path, tmp_path: Path) -> None:
    script = Path(__file__).with_name("trained_by_two.py")
    source = str(script.parents[1])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(script), str(dataset), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = [(tmp_path / f"rank-{rank}.txt").read_text().split() for rank in (0, 1)]
    assert len(names[0]) == 2
    assert len({*names[0], *names[1]}) == 1
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(metrics["held_out"]) == {"unet", "mean_frame", "first_frame"}
    pairs = FramePairs(dataset, size=16)
    trained(pairs, folds_of(pairs.takes, "all")[0], tmp_path / "alone", None)
    two, one = (torch.load(tmp_path / folder / "last.pt", weights_only=True) for folder in ("whole", "alone"))
    for name, tensor in one["model"].items():
        torch.testing.assert_close(two["model"][name], tensor, rtol=1e-3, atol=1e-5)
    losses = [[epoch["loss"] for epoch in run["history"]] for run in (two, one)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert UNET.batch_size % 2 == 1  # shares of unequal size were averaged rightly
