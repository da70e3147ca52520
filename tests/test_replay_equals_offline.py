"""The same clip gives the same scores: replayed through the live graph, and computed offline."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from evface.dataset.recordings import TakeBag
from evface.evaluation import score_take
from evface.protocol import AU_NUMBERS
from rig.commands.watching import watch
from rig.graph import ReplayOptions, replay_graph
from src.evface.tests.lively_network import lively_checkpoint
from tests.conftest import Session

BOX = (93.0, 50.0, 160.0, 160.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lively_checkpoint(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture(scope="module")
def replayed(
    virtual_session: Session, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict]:
    """What came on /au, one row per message."""
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    options = ReplayOptions(
        bag=str(virtual_session.bag(0)), checkpoint=str(checkpoint), box=",".join(map(str, BOX)), rate=2.0
    )
    assert watch(replay_graph(options), path, quiet=True, tail=1.0) == 0
    with path.open() as file:
        return list(csv.DictReader(file))


def test_scores_on_au_are_those_computed_offline(
    virtual_session: Session, checkpoint: Path, replayed: list[dict]
) -> None:
    offline = score_take(virtual_session.bag(0), checkpoint, BOX)
    live = np.array([[row[f"au{au}"] for au in AU_NUMBERS] for row in replayed], np.float32)
    slices = np.array([int(row["slice"]) for row in replayed])
    np.testing.assert_array_equal(slices, offline.window_starts_us // 33_000)
    np.testing.assert_array_equal(live, offline.scores)
    assert (offline.scores > 0).any()


def test_one_message_per_slice_of_33_ms(replayed: list[dict]) -> None:
    slices = np.array([int(row["slice"]) for row in replayed])
    np.testing.assert_array_equal(np.diff(slices), 1)
    windows = np.array([int(row["window_end_ns"]) - int(row["window_start_ns"]) for row in replayed])
    assert set(windows) == {33_000_000}


def test_every_event_in_the_box_is_counted_once(virtual_session: Session, replayed: list[dict]) -> None:

    x, y, width, height = BOX
    inside = 0
    last = 33_000 * (int(replayed[-1]["slice"]) + 1)
    with TakeBag(virtual_session.bag(0)) as bag:
        for block in bag.events("davis"):
            events = block.events
            within = (events.x >= x) & (events.x < x + width) & (events.y >= y) & (events.y < y + height)
            inside += int(np.count_nonzero(within & (events.t < last)))
    assert sum(int(row["events"]) for row in replayed) == inside
