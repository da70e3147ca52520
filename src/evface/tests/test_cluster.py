"""Folds on a Ray cluster of two nodes of this machine."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from killed_training import CONFIG, clips

from evface.dataset.splits import folds_of
from evface.errors import ConfigError
from evface.training.au import train_clips
from evface.training.cluster import Cluster, contents, write
from evface.training.watching import Epoch


@pytest.fixture
def two_nodes() -> Iterator[str]:
    utils = pytest.importorskip("ray.cluster_utils", reason="Ray is an extra")
    cluster = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield cluster.address
    finally:
        cluster.shutdown()


def workers() -> list[psutil.Process]:
    """Processes that train a fold now."""
    return [
        process
        for process in psutil.Process(os.getpid()).children(recursive=True)
        if process.name().startswith("ray::train_fold") or "ray::train_fold" in " ".join(process.cmdline())
    ]


def test_a_cluster_gives_the_files_of_this_machine_though_a_worker_is_killed(
    tmp_path: Path, two_nodes: str
) -> None:
    folds = folds_of(list(clips()), "loso")
    told: list[Epoch] = []
    killed: list[int] = []

    def watch(epoch: Epoch) -> None:
        told.append(epoch)
        if epoch.epoch >= 2 and not killed and (found := workers()):
            killed.append(found[0].pid)
            found[0].kill()

    train_clips(clips(), tmp_path / "there", CONFIG, folds, watch=watch, run=Cluster(two_nodes))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    train_clips(clips(), tmp_path / "here", CONFIG, folds)
    torch.set_num_threads(before)
    assert len(killed) == 1
    for fold in folds:
        epochs = [epoch.epoch for epoch in told if epoch.fold == fold.name and epoch.epoch]
        # One that was saved just before the kill may not have been told.
        assert epochs == sorted(set(epochs))
        assert (len(epochs) >= 11, epochs[-1]) == (True, 12)
    found: list[dict[str, Any]] = []
    for run in ("there", "here"):
        metrics = json.loads((tmp_path / run / "metrics.json").read_text())
        found.append({fold["fold"]: fold["model"] for fold in metrics["folds"]})
        assert not list((tmp_path / run).rglob("last.pt"))
    assert found[0] == found[1]
    names = [set(contents(tmp_path / run)) for run in ("there", "here")]
    assert {name for name in names[0] if "tensorboard" not in name} == {
        name for name in names[1] if "tensorboard" not in name
    }


def test_what_is_sent_arrives_whole_and_the_metrics_last(tmp_path: Path) -> None:
    files = {"metrics.json": b"{}", "tensorboard/events": b"\x00", "last.pt": b"weights"}
    write(tmp_path / "fold", files)
    (tmp_path / "fold" / ".last.pt.partial").write_bytes(b"half")
    assert contents(tmp_path / "fold") == files


def test_without_ray_the_backend_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"lock-cluster\.txt"):
        train_clips(clips(), tmp_path, CONFIG, folds_of(list(clips()), "loso"), run=Cluster())
