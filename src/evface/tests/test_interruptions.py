"""Trainings that are killed at any moment and go on."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from killed_training import main
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SCRIPT = Path(__file__).with_name("killed_training.py")
KILLS = 2


def kill_later(folder: Path, chance: random.Random) -> int:
    """Start the training and kill it within some epoch.

    Returns:
        The epochs that were behind it, of both folds together.
    """
    with subprocess.Popen([sys.executable, str(SCRIPT), str(folder)], stdout=subprocess.PIPE) as process:
        for _ in range(chance.randint(1, 24 // KILLS - 4)):
            said = process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.03))
        process.kill()
    assert process.returncode == -9
    return int(said.split()[0])


@pytest.mark.parametrize("seed", [1])
def test_a_training_killed_at_any_moment_ends_with_the_same_weights(tmp_path: Path, seed: int) -> None:
    chance, killed, whole = random.Random(seed), tmp_path / "killed", tmp_path / "whole"
    behind = [kill_later(killed, chance) for _ in range(KILLS)]
    assert 0 < behind[0] < behind[-1] < 24
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    main(killed)
    main(whole)
    torch.set_num_threads(before)
    for fold in ("sub-S01_seed-0", "sub-S02_seed-0"):
        weights = load_file(whole / fold / "model.safetensors")
        others = load_file(killed / fold / "model.safetensors")
        assert all(torch.equal(weights[name], others[name]) for name in weights)
        assert (whole / fold / "scores.csv").read_bytes() == (killed / fold / "scores.csv").read_bytes()
        assert not (killed / fold / "last.pt").exists()
        assert json.loads((killed / fold / "metrics.json").read_text())["engine"]["neurons"] == "compiled"
        events = EventAccumulator(str(killed / fold / "tensorboard")).Reload()
        assert [event.step for event in events.Scalars("loss")] == list(range(1, 13))
