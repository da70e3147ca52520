"""Sensors that are silent, lie about the time, lose packets or send rubbish."""

from __future__ import annotations

from typing import Any

from evface.dataset.convert import convert
from evface.dataset.recordings import TakeBag
from tests.faults.bench import Bench, Session, expect, without
from tests.faults.registry import Found, fault
from tests.faults.strangers import GAP

EVENTS = "/davis346/events"


def record_a_liar(bench: Bench, lie: str) -> tuple[Session, dict[str, Any]]:
    """A session of one take whose camera lies; the session and the take's line."""
    with bench.process("camera", lie), bench.session(without(bench.graph(aus="12"), "davis346")) as session:
        expect(session.end() == 0, f"the session ended with {session.code}: {session.said.errors}")
    expect(session.outcomes == ["complete"], f"takes: {session.outcomes}")
    expect(not session.said.tracebacks, f"a traceback: {session.said.lines[-20:]}")
    return session, session.manifest[0]


@fault("sensor silent from the start", quick=True)
def silent(bench: Bench) -> Found:
    graph = bench.graph(
        aus="12",
        parameters={"recorder": {"cameras": ["davis346", "webcam"]}, "conductor": {"patience": 25.0}},
    )
    with bench.session(graph) as session:
        expect(session.end() == 2, f"the session ended with {session.code}")
    expect(len(session.said.errors) == 1, f"said: {session.said.errors}")
    expect("nothing came on /webcam/image_raw/compressed" in session.said.errors[0], session.said.errors[0])
    return Found("the session does not begin; one line names the topic on which nothing came")


@fault("sequence gap")
def gap(bench: Bench) -> Found:
    _, line = record_a_liar(bench, "gap")
    expect(line["lost"] >= GAP and line["lost"] % GAP == 0, f"{line['lost']} packets are counted as lost")
    return Found(f"the take's line counts {line['lost']} packets, {GAP} at each gap", "what the sensor lost")


@fault("garbage for packets")
def garbage(bench: Bench) -> Found:
    session, line = record_a_liar(bench, "garbage")
    expect(line["unreadable"] > 0, "nothing was counted as unreadable")
    left_out = _convert(bench, session)
    return Found(f"recorded as evidence, {line['unreadable']} counted as unreadable; convert: {left_out}")


@fault("packets cut in half")
def truncated(bench: Bench) -> Found:
    session, line = record_a_liar(bench, "truncated")
    expect(line["unreadable"] + line["lost"] > 0, "nothing was counted")
    left_out = _convert(bench, session)
    return Found(
        f"recorded as evidence, {line['unreadable']} unreadable and {line['lost']} lost are counted; "
        f"convert: {left_out}"
    )


@fault("stamps jump by 5 s")
def stamps_jump(bench: Bench) -> Found:
    _, line = record_a_liar(bench, "clock")
    gap = line["topics"][EVENTS]["longest_gap_ms"]
    expect(gap > 4000, f"the longest gap is said to be {gap} ms")
    return Found(f"the take is there, its line tells of a gap of {gap:.0f} ms between stamps")


@fault("sensor's own clock jumps back by 3 s")
def sensor_clock_jumps(bench: Bench) -> Found:
    session, line = record_a_liar(bench, "sensor_clock")
    with TakeBag(session.folder / line["take"]) as bag:
        packets = sum(1 for _ in bag.messages(EVENTS))
    expect(packets == line["topics"][EVENTS]["messages"], f"{packets} packets in the bag")
    return Found(f"all {packets} packets are in the bag; convert: {_convert(bench, session)}")


def _convert(bench: Bench, session: Session) -> str:
    """What a conversion makes of a take that is not as it should be: a dataset, or one line why not."""
    report = convert(bench.recordings, bench.folder / "dataset", boxes=False)
    if not report.failed:
        return "the take is converted"
    (why,) = report.failed.values()
    return f"left out ({why.replace(str(session.folder), '').strip('/')})"
