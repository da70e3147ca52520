"""The card of a dataset: README.md, written from what is there."""

from __future__ import annotations

from collections.abc import Sequence

from evface.dataset.tree import ConvertedTake, training_takes
from evface.protocol.action_units import action_unit

RECORDINGS = {
    "DAVIS346 events": "recording-davis_dvs.h5",
    "DAVIS346 frames": "recording-davis_video.mkv",
    "EVK4 events": "recording-evk4_dvs.h5",
    "webcam": "recording-rgb_video.mkv",
}
"""What a take may hold, and the file it lies in."""

FILES = """\
## Files of a take
- `*_dvs.h5`: `/events/{x,y,p,t}` after DSEC, `t` in us. `t + /t_offset` is unix time in us. `t` + the
  attribute `sensor_time_us` is the sensor's own time, on whose multiples of 33 000 us slices lie.
  `/ms_to_idx` finds the first event of a millisecond.
- `*_video.mkv`: DAVIS frames (FFV1, lossless) or the webcam's own JPEGs, unchanged. `*_timestamps.csv` has
  their times in unix ns; the video itself counts ms from the take's start.
- `events.tsv`: the cues. Onsets are seconds from the take's start, `take_start_ns` in sync.json.
- `boxes.csv`: one square face box per recording, px; it may reach beyond the sensor. `method` is `detected`
  (median of MTCNN's detections, with margin), `rendered` (the same, in renderings of what a virtual sensor
  without frames sees), `calibrated` (from a camera with frames, by `calib/`; quality.json says how exact),
  `webcam` (taken over from there, not calibrated) or `default` (the middle of the sensor: no face was looked
  for or seen).
- `sync.json`: each clock's offset and drift, how they were found, and the span of the clip in unix ns.
- `quality.json`: sources, counts, losses, flags; `coactivations`: what moved along, as far as it is known.
- `truth.json`, of virtual subjects only: what they did and when.

A clip runs from half a second before the perform cue to half a second after the rest cue; correct `clip` in
sync.json where a person knows better. Of each trial the last complete take counts for training.
`splits/loso.json` leaves one subject out at a time. `sha256sum -c MANIFEST.sha256` checks the files.
"""


def card(name: str, takes: Sequence[ConvertedTake], about: Sequence[str] = ()) -> str:
    """README.md of a dataset with these takes; ``about`` are lines of its own on how it came about."""
    used = training_takes(takes)
    subjects = {take.id.subject for take in takes}
    counts = [
        f"| {kind} | {sum(take.file(file).exists() for take in takes)} |" for kind, file in RECORDINGS.items()
    ]
    aus = [action_unit(number) for number in sorted({take.id.au for take in used})]
    flagged = [
        f"- {take.id.name}: {'; '.join(take.quality['flags'])}" for take in takes if take.quality["flags"]
    ]
    return "\n".join(
        [
            f"# {name}",
            "",
            f"{len(subjects)} subjects, {len(takes)} takes, {len(used)} clips for training.",
            "",
            *origin(takes),
            "",
            *([*about, ""] if about else []),
            "| recording | takes |",
            "|---|---|",
            *counts,
            "",
            "Elicited Action Units (only the elicited one is labelled; others may move along): "
            + (", ".join(f"{au.number} {au.name}" for au in aus) or "none")
            + ".",
            "",
            FILES,
            "## Takes with a flag",
            *(flagged or ["None."]),
            "",
        ]
    )


def origin(takes: Sequence[ConvertedTake]) -> list[str]:
    """Who was in front of what."""
    simulated = [take.id.name for take in takes if take.simulated]
    if not simulated:
        return ["No take is marked as simulated."]
    if len(simulated) == len(takes):
        return ["**Simulated**: every take comes from virtual cameras. Nobody was recorded."]
    return [
        f"**Partly simulated**: {len(simulated)} of {len(takes)} takes come from virtual cameras:",
        *(f"- {name}" for name in simulated),
    ]
