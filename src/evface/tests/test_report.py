"""The report: its tables from a small dataset and made-up runs, its page, what is missing."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from made_runs import MadeModel, write_recognition, write_reconstruction
from small_dataset import SmallPlan, make_dataset

from evface.dataset.progress import Progress, silent
from evface.dataset.tree import list_takes, training_takes
from evface.errors import DatasetError
from evface.evaluation.report.comparison_tables import better_recognition
from evface.evaluation.report.machine_tables import table_3
from evface.evaluation.report.recognition_tables import table_5
from evface.evaluation.report.reconstruction_tables import table_6
from evface.evaluation.report.results import Results, gather
from evface.evaluation.report.stream_table import stream
from evface.evaluation.report.table import Column, Table
from evface.evaluation.report.training import MissingRuns
from evface.evaluation.report.writing import write_report
from evface.evaluation.runs import read_recognition

AUS = (2, 12)
PAPER_MODELS = {
    "paper-snn-events": (MadeModel(), 5),
    "paper-snn-rgb": (MadeModel(input="rgb"), 2),
    "paper-cnn3d-events": (MadeModel("cnn3d"), 4),
    "paper-cnn3d-rgb": (MadeModel("cnn3d", "rgb"), 1),
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(
        tmp_path_factory.mktemp("made") / "people", SmallPlan(("S01", "S02", "S03"), AUS, evk4=True)
    )


@pytest.fixture(scope="module")
def runs(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    takes = [take.id for take in training_takes(list_takes(dataset))]
    for name, (model, right) in PAPER_MODELS.items():
        verdicts = [number < right for number in range(len(takes))]
        write_recognition(folder / name, takes, {0: verdicts, 1: verdicts}, model)
    write_recognition(folder / "better-window", takes, {0: [True] * len(takes)})
    for sensor in ("davis", "evk4"):
        methods = {"posterior": 0.9, "prior": 0.5, "mean_frame": 0.4}
        write_reconstruction(folder / f"paper-cvae-{sensor}", takes, methods, sensor)
    write_reconstruction(folder / "better-unet", takes, {"unet": 0.7, "mean_frame": 0.4})
    return folder


@pytest.fixture(scope="module")
def results(dataset: Path, runs: Path) -> Results:
    return gather(dataset, runs)


@pytest.fixture(scope="module")
def written(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    write_report(results, out, "rig report people --out out", docs=out / "docs")
    return out


def rows(written: Path, table: str) -> list[dict[str, str]]:
    with (written / "tables" / f"{table}.csv").open() as file:
        return list(csv.DictReader(file))


def test_all_six_tables_and_both_figures_are_there(written: Path) -> None:
    page = (written / "report.html").read_text()
    for number in range(1, 7):
        assert f"<b>Table {number}.</b>" in page
        assert "\\begin{tabular}" in (written / "tables" / f"table{number}.tex").read_text()
        assert (
            f"\\setcounter{{table}}{{{number - 1}}}"
            in (written / "tables" / f"table{number}.tex").read_text()
        )
        assert rows(written, f"table{number}")
    for number in (2, 5):
        assert f"<b>Figure {number}.</b>" in page
        assert (written / "figures" / f"figure{number}.png").read_bytes().startswith(b"\x89PNG")
        assert (written / "figures" / f"figure{number}.pdf").read_bytes().startswith(b"%PDF")
    assert 'src="http' not in page


def test_the_paper_s_figures_stand_beside(written: Path) -> None:
    first = rows(written, "table5")[0]
    assert first["Model"] == "SNN"
    assert first["Acc. (%)"] == "83.3"
    assert first["Acc. (%), paper"] == "51.23"
    assert first["95 % Wilson"] == "43.6–97.0"
    assert first["seeds ± SD"] == "2 ± 0.0"
    assert [row["#Vids., paper"] for row in rows(written, "table2")] == ["147", "147", "147", "63"]
    assert any(row["Mean SSIM"] == "0.8513" for row in rows(written, "table6"))


def test_baselines_stand_below_the_models(written: Path) -> None:
    found = {row["Model"]: row for row in rows(written, "table5")}
    assert found["chance"]["Acc. (%)"] == "50.0"
    assert found["majority class"]["Acc. (%)"] == "50.0"
    assert "probe: event counts" in found
    assert [row["Latent vector"] for row in rows(written, "table6")][:3] == [
        "posterior (an oracle: it sees the target)",
        "prior, z = 0",
        "baseline: mean frame of the training clips",
    ]  # fmt: skip


def test_simulated_subjects_are_marked_everywhere(written: Path) -> None:
    page = (written / "report.html").read_text()
    assert "Simulated: every subject is virtual." in page
    assert "neither confirm nor contradict" in page
    assert {row["data"] for row in rows(written, "table5")} == {"simulated"}
    assert "Simulated subjects" in (written / "tables" / "table5.tex").read_text()
    assert "Simulated" in (written / "docs" / "README.md").read_text()


def test_presets_beyond_the_paper_are_compared_with_it(written: Path) -> None:
    base, found = rows(written, "better_recognition")
    assert (base["preset (first)"], base["McNemar p"]) == ("paper-snn-events (second)", "")
    assert (found["preset (first)"], found["difference (points)"]) == ("better-window", "+16.7")
    assert (found["only first right"], found["first is"]) == ("1", "undecided")
    drawn = rows(written, "better_reconstruction")[0]
    assert (drawn["SSIM, difference"], drawn["SSIM is"]) == ("+0.2000", "better")


def test_presets_that_change_a_base_are_compared_with_it(results: Results, tmp_path: Path) -> None:
    takes = [take.id for take in results.takes]
    write_recognition(tmp_path / "better-base", takes, {0: [False] * len(takes)})
    others = (*results.better_recognition, read_recognition(tmp_path / "better-base"))
    table = better_recognition(replace(results, better_recognition=others))
    assert table is not None
    assert [row[0] for row in table.rows] == ["better-base (second)", "better-window"]
    assert table.rows[1][-1] == "better"


def test_scores_on_a_stream_are_told_where_they_were_judged(results: Results, tmp_path: Path) -> None:
    assert stream(results) is None
    takes = [take.id for take in results.takes]
    write_recognition(tmp_path / "streaming", takes, {0: [True] * len(takes)})
    for number, path in enumerate(sorted((tmp_path / "streaming").glob("*/metrics.json"))):
        judged = {"clips": 2, "error": 0.1 * number, "error_of_rest": 0.3, "correlation": None}
        judged |= {"onsets_found": 0.5, "onset_delay_ms": 33.0 * number, "false_onsets": 1.0}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"held_out_stream": judged}))
    table = stream(replace(results, better_recognition=(read_recognition(tmp_path / "streaming"),)))
    assert table is not None
    assert table.rows == (("streaming", "6", "0.100", "0.300", None, "50.0", "33", "1.00"),)


def test_the_page_for_github_is_small_and_its_links_lead_somewhere(written: Path) -> None:
    docs = written / "docs"
    text = (docs / "README.md").read_text()
    pictures = [line.split("](")[1].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert "figure2.png" in pictures or "figure2.jpg" in pictures
    assert all((docs / name).stat().st_size <= 300_000 for name in pictures)
    assert "| SNN | events | 1,234 | 4.11M |" in text


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "one", SmallPlan(("S01",), (12, 45)))
    for video in dataset.rglob("*rgb*"):
        video.unlink()
    page = write_report(gather(dataset, tmp_path / "runs"), tmp_path / "out").read_text()
    assert "only S01 was seen by the DAVIS346: leaving one subject out needs two" in page
    assert "the dataset has no frames of the webcam" in page
    assert "Not recorded: RGB (webcam), Events (EVK4)" in page


def test_without_a_dataset_there_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not a dataset"):
        gather(tmp_path, tmp_path)


@contextmanager
def unseen(title: str) -> Iterator[Progress]:
    yield silent


def quick_preset(folder: Path, name: str) -> Path:
    """Networks of few neurons, whatever is asked for."""
    path = folder / f"{name}.yaml"
    model: dict[str, object] = {"preset": "small", "pooling": 4, "maps": 2, "hidden": 8, "votes": 2}
    fields = {"name": name, "model": model, "epochs": 1, "batch_size": 4}
    if "cvae" in name:
        model = {"family": "cvae", "preset": "small", "size": 16, "maps": [2, 2], "hidden": 4}
        fields |= {"model": model, "every": 6, "samples": 1}
    path.write_text(yaml.safe_dump(fields))
    return path


def test_what_is_missing_is_trained_once_and_then_reported(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "two", SmallPlan(("S01", "S02"), (2, 12)))
    calls: list[str] = []

    def preset(name: str) -> Path:
        calls.append(name)
        return quick_preset(tmp_path, name)

    missing = MissingRuns(dataset, tmp_path / "runs", preset, unseen)
    missing.train(quick=True)
    assert missing.failed == []
    assert missing.lacking == {
        "quick-cvae-evk4": "the dataset has no events of the EVK4 together with webcam frames"
    }
    assert calls == [
        "quick-snn-events",
        "quick-snn-rgb",
        "quick-cnn3d-events",
        "quick-cnn3d-rgb",
        "quick-cvae",
    ]
    calls.clear()
    missing.train(quick=True)
    assert calls == []
    results = gather(dataset, tmp_path / "runs", quick=True)
    assert table_5(results).rows[0][:3] == ("SNN", "events", table_5(results).rows[0][2])
    assert {row[1] for row in table_6(results).rows[:3]} >= {"prior, z = 0"}
    assert table_3(results).rows[0][1] is not None


def test_a_preset_that_cannot_be_trained_is_said_and_the_others_stay(dataset: Path, tmp_path: Path) -> None:
    def preset(name: str) -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text("epochs: none")
        return path

    missing = MissingRuns(dataset, tmp_path / "runs", preset, unseen)
    missing.train(compare=["better-nothing"])
    assert "epochs" in missing.lacking["better-nothing"]
    assert len(missing.failed) == 7
    page = write_report(gather(dataset, tmp_path / "runs", missing=missing.lacking), tmp_path / "out")
    assert "failed" in page.read_text()


def test_latex_s_own_signs_are_escaped() -> None:
    table = Table("t", "Table 5", "50 % & more_", (Column("a_b", "text"), Column("c")), (("x~y", None),))
    text = table.latex()
    assert "50 \\% \\& more\\_" in text
    assert "x\\textasciitilde{}y & --" in text
