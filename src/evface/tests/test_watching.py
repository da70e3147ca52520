"""The table of a training under way."""

from __future__ import annotations

import io

from rich.console import Console

from evface.training.watching import Board, Epoch, as_progress, training_table

MEASURES = {"loss": 0.04321, "accuracy": 0.5, "seconds": 10.0}


def test_what_is_left_follows_the_pace_so_far() -> None:
    now = 100.0
    board = Board(lambda: now)
    board.tell(Epoch("sub-S01", 0, 25, 25))
    board.tell(Epoch("sub-S02", 0, 0, 25))
    assert board.left() is None
    board.tell(Epoch("sub-S02", 0, 1, 25, MEASURES))
    assert board.left() == 240.0
    now += 5.0
    board.tell(Epoch("sub-S02", 0, 2, 25, MEASURES))
    assert board.left() == 7.5 * 23
    assert board.title() == "1 of 2 trained, 2:52 left"


def test_where_nobody_looks_there_is_a_line_for_each_epoch() -> None:
    text = io.StringIO()
    with training_table(Console(file=text, width=200)) as (_, watch):
        watch(Epoch("sub-S01", 0, 0, 2))
        watch(Epoch("sub-S01", 0, 1, 2, MEASURES))
        watch(Epoch("sub-S02", 1, 2, 2))
    first, second = text.getvalue().splitlines()
    assert first.startswith("sub-S01 seed 0 epoch 1/2 loss 0.04321 accuracy 50%, 0:")
    assert second.startswith("sub-S02 seed 1 epoch 2/2 was done")


def test_in_a_terminal_there_is_a_row_for_each_fold_and_seed() -> None:
    text = io.StringIO()
    console = Console(file=text, width=100, force_terminal=True, highlight=False)
    with training_table(console) as (progress, watch):
        progress(3, 14, "a clip")
        watch(Epoch("sub-S01", 0, 0, 2))
        watch(Epoch("sub-[S02]", 0, 1, 2, MEASURES))
    assert "reading clips: 3 of 14" in text.getvalue()
    last = text.getvalue().rpartition("fold")[2]
    assert "sub-[S02]" in last
    assert "1/2" in last
    assert "50%" in last
    assert last.index("sub-[S02]") < last.index("sub-S01")


def test_a_progress_counts_the_epochs_of_all_folds_together() -> None:
    said: list[tuple[int, int, str]] = []
    watch = as_progress(lambda *told: said.append(told))
    for fold in ("sub-S01", "sub-S02"):
        watch(Epoch(fold, 0, 0, 5))
    watch(Epoch("sub-S02", 0, 1, 5, MEASURES))
    watch(Epoch("sub-S01", 0, 5, 5))
    assert said == [(1, 10, "sub-S02 seed 0 loss 0.04321 accuracy 50%"), (6, 10, "sub-S01 seed 0 was done")]
