"""The page that the demonstration leaves: one HTML file, pictures inside."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from evface.dataset.naming import TakeId
from evface.dataset.tree import ConvertedTake, list_takes, read_take
from evface.evaluation.figures import PhaseSpan, scores_over_time, training_curve
from evface.evaluation.page import figure, page
from evface.evaluation.strips import camera_strip, event_strip, png
from evface.protocol import action_unit
from rig.demo.people import contact_sheet
from rig.demo.performance import Scores, draw, truth_of_take


def write_report(out: Path, shown: Path, scores: Path) -> Path:
    """Write ``out/report.html`` from what the demonstration has made.

    Args:
        out: folder of the demonstration, with recordings/, dataset/ and model/.
        shown: bag of the take that was replayed.
        scores: CSV of what came on /au meanwhile.

    Raises:
        FormatError: a file of the dataset is broken.
        DatasetError: the take is not in the dataset.
    """
    dataset = out / "dataset"
    takes = list_takes(dataset)
    take = read_take(dataset, TakeId.parse(shown.name))
    metrics = json.loads((out / "model" / "metrics.json").read_text())
    parts = [
        *_introduction(takes),
        *_people(takes),
        *_replayed(take, scores, metrics, out),
        *_clips(takes, out),
        *_truths(takes),
        *_training(metrics, out),
        *_manifest(out / "recordings"),
    ]
    path = out / "report.html"
    path.write_text(page("Demonstration", parts), encoding="utf-8")
    return path


def _introduction(takes: list[ConvertedTake]) -> Iterator[str]:
    subjects = sorted({take.id.subject for take in takes})
    aus = sorted({take.id.au for take in takes})
    yield "<h1>From virtual cameras to Action Unit scores</h1>"
    yield (
        f"<p>{len(subjects)} virtual subjects ({', '.join(subjects)}) were asked for {len(aus)} Action "
        f"Units each: {html.escape(', '.join(map(_title, aus)))}. "
        f"{len(takes)} takes were recorded as ROS 2 bags, converted to a dataset, learned from, and one of "
        "the subject held out was played back through the live graph.</p>"
    )
    yield (
        '<p class="mark"><strong>Simulated.</strong> Nobody sat here: the subjects are virtual people, '
        "seen by models of the sensors. What is learned from them is about these models: no figure on this "
        "page says how well people are recognised.</p>"
    )


def _people(takes: list[ConvertedTake]) -> Iterator[str]:
    yield "<h2>Who was in the chair</h2>"
    yield figure(
        png(contact_sheet(takes)),
        "The webcam at rest and in the middle of each apex, as the truth tells it. Subjects differ in "
        "strength and timing, and now and then one does not manage what was asked: that is said, and stays "
        "in the data.",
    )


def _replayed(take: ConvertedTake, scores: Path, metrics: dict[str, Any], out: Path) -> Iterator[str]:
    au = action_unit(take.id.au)
    with scores.open() as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in rows[0] if name.startswith("au")]
    ends = np.array([int(row["window_end_ns"]) for row in rows], np.int64)
    values = np.array([[float(row[name] or "nan") for name in columns] for row in rows], np.float32)
    latency = sorted(float(row["latency_s"]) * 1e3 for row in rows)
    cues = [
        PhaseSpan(
            cue.phase, (cue.start - take.start) / 1e9, (cue.start + cue.planned - take.start) / 1e9, au.number
        )
        for cue in take.cues()
    ]
    picture = out / "scores.png"
    scores_over_time(
        (ends - take.start) / 1e9, values, cues, picture, [int(name[2:]) for name in columns], take.id.name
    )
    yield f"<h2>What came on /au while {html.escape(au.label)} {html.escape(au.name)} was played back</h2>"
    story = out / "performance.png"
    draw(take, story, Scores((ends - take.start) / 1e9, values, [int(name[2:]) for name in columns]))
    yield figure(
        story.read_bytes(),
        "Above, the events of the DAVIS346; below, what the network said meanwhile. Green is the truth that "
        "the virtual subject told: onset, apex, offset, end.",
    )
    yield figure(
        picture.read_bytes(),
        f"Voting rate of {html.escape(metrics['folds'][0]['model'])} for all Action Units, one column per "
        f"33 ms slice, {len(rows)} slices. From the end of a slice to its message: median "
        f"{latency[len(latency) // 2]:.1f} ms, 99 % below {latency[int(len(latency) * 0.99)]:.1f} ms.",
    )


def _clips(takes: list[ConvertedTake], out: Path) -> Iterator[str]:
    yield "<h2>What the cameras saw, and what was there</h2>"
    first = takes[0].id.subject
    for take in (take for take in takes if take.id.subject == first):
        au = action_unit(take.id.au)
        yield f"<h3>{html.escape(au.label)} {html.escape(au.name)}</h3>"
        yield figure(
            png(camera_strip(take, "davis")), "DAVIS346 frames over the clip, with the face box (MTCNN)."
        )
        yield figure(png(event_strip(take, "davis")), "Its events, 33 ms each: on orange, off blue.")
        if take.file("recording-rgb_video.mkv").exists():
            yield figure(png(camera_strip(take, "rgb")), "The webcam.")
        picture = out / f"{take.id.name}.png"
        draw(take, picture)
        yield figure(picture.read_bytes(), html.escape(_truth_in_words(take)))


def _truth_in_words(take: ConvertedTake) -> str:
    truth = truth_of_take(take)
    if truth is None:
        return "Events a second; nobody knows what was really there."
    if truth["failed"]:
        return "Events a second. The truth: it was not done, or so weakly that nobody would see it."
    at = truth["seconds"]
    others = ", ".join(f"{au} ({strength:.1f})" for au, strength in truth["others"].items())
    return (
        f"Events a second, and the truth in green: {truth['intensity']:.2f} of strong intensity, "
        f"{1e3 * (at['apex'] - at['onset']):.0f} ms from onset to apex"
        f"{', with AU ' + others if others else ''}."
    )


def _truths(takes: list[ConvertedTake]) -> Iterator[str]:
    known = [(take, truth) for take in takes if (truth := truth_of_take(take)) is not None]
    if not known:
        return
    yield "<h2>What the subjects really did</h2>"
    names = ("reaction", "onset", "apex", "offset", "intensity", "left, right")
    head = "".join(f'<th class="n">{name}</th>' for name in names)
    yield f"<table><tr><th>subject</th><th>asked for</th>{head}<th>came along</th></tr>"
    for take, truth in known:
        yield _truth_row(take, truth)
    yield "</table>"
    yield (
        '<p class="soft">From truth.json of each take. Reaction to the cue, onset, apex and offset in ms; '
        "intensity 1 is strong; left and right are the subject's own; what came along with its strength.</p>"
    )


def _truth_row(take: ConvertedTake, truth: dict[str, Any]) -> str:
    instants = [int(truth[name]) for name in ("onset", "apex", "offset", "end")]
    asked = next((cue.start for cue in take.cues() if cue.phase == "perform"), instants[0])
    cells = [f"{(end - begin) / 1e6:.0f}" for begin, end in pairwise([asked, *instants])]
    cells += [f"{truth['intensity']:.2f}", f"{truth['left']:.2f}, {truth['right']:.2f}"]
    others = ", ".join(f"{au} ({strength:.1f})" for au, strength in truth["others"].items())
    if truth["failed"]:
        others = f"not done{'; ' + others if others else ''}"
    row = "".join(f"<td class=n>{cell}</td>" for cell in cells)
    return (
        f"<tr><td>{html.escape(take.id.subject)}</td><td>{html.escape(_title(take.id.au))}</td>"
        f"{row}<td>{html.escape(others)}</td></tr>"
    )


def _training(metrics: dict[str, Any], out: Path) -> Iterator[str]:
    chance = metrics["chance"]
    yield "<h2>What was learned</h2>"
    picture = out / "training.png"
    folders = [out / "model" / Path(fold["checkpoint"]).parent for fold in metrics["folds"]]
    histories = {path.name: json.loads((path / "metrics.json").read_text())["history"] for path in folders}
    training_curve(histories, picture)
    yield figure(picture.read_bytes(), "Loss and accuracy on the clips it learned from, epoch by epoch.")
    head = "".join(
        f'<th class="n">{name}</th>'
        for name in ("trained on", "held out", "held out, top 3", "clips", "silent")
    )
    yield f"<table><tr><th>fold</th>{head}</tr>"
    for fold in metrics["folds"]:
        held = fold["held_out"]
        cells = (
            f"{fold['training']['accuracy']:.0%}", f"{held['accuracy']:.0%}", f"{held['top3']:.0%}",
            str(held["clips"]), f"{held['silent']:.0%}",
        )  # fmt: skip
        row = "".join(f"<td class=n>{cell}</td>" for cell in cells)
        yield f"<tr><td>{html.escape(fold['fold'])}</td>{row}</tr>"
    yield "</table>"
    yield (
        f'<p class="soft">Accuracy of whole clips; chance is {chance["accuracy"]:.1%}, {chance["top3"]:.1%} '
        "for the top 3. Silent clips are those for which no output neuron spiked.</p>"
    )


def _manifest(recordings: Path) -> Iterator[str]:
    yield "<h2>What is on disk</h2>"
    yield (
        '<table><tr><th>take</th><th>outcome</th><th class="n">messages</th><th class="n">MB</th>'
        '<th class="n">lost</th><th>SHA-256</th></tr>'
    )
    for path in sorted(recordings.glob("sub-*/ses-*/manifest.jsonl")):
        for line in map(json.loads, path.read_text().splitlines()):
            yield (
                f"<tr><td>{html.escape(line['take'])}</td><td>{html.escape(line['outcome'])}</td>"
                f"<td class=n>{line['messages']}</td><td class=n>{line['bytes'] / 1e6:.1f}</td>"
                f"<td class=n>{line['lost']}</td><td><code>{line['sha256'][:12]}…</code></td></tr>"
            )
    yield "</table>"


def _title(au: int) -> str:
    return f"{action_unit(au).label} {action_unit(au).name}"
