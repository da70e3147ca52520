"""The benchmark for a GPU runs from end to end, and ours agrees with spikingjelly there."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.gpu import main


def test_it_measures_everything_and_says_what_was_not_run(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    found = main(["--device", "cpu", "--tiny", "--rounds", "1", "--out", str(out)])
    assert json.loads(out.read_text()) == found
    assert "CUDA graphs" in found["not_run"]
    assert set(found["ratios"]) == {"step", "seven folds"}
    assert len(found["gradients"]) == 14
    assert max(found["gradients"].values()) < 1e-3
