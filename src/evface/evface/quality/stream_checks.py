"""Streams: are they there, stamped truly, whole, and as fast as they should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evface.quality.finding import Check, Level, advice, graded
from evface.quality.thresholds import Thresholds


def losses(name: str, sensor: str, count: int, reason: str) -> Check:
    """Things counted as missing: none is green, any is red.

    Args:
        name: "packet gaps", "frame gaps", "queue drops", ...
        sensor: whose.
        count: how many are missing.
        reason: what to do about it.
    """
    level = Level.RED if count else Level.GREEN
    return Check(name, level, str(count), "0", reason if count else "", sensor)


def alive(name: str, sensor: str, silent: float, thresholds: Thresholds) -> Check:
    """Whether a stream speaks.

    Args:
        name: of the stream, "events" or "frames".
        sensor: whose.
        silent: s since its last message; inf when there was none.
        thresholds: how long it may be silent.
    """
    limit = thresholds.silence
    ok = silent <= limit
    value = "none yet" if silent == float("inf") else f"last {max(silent, 0.0):.1f} s ago"
    level = Level.GREEN if ok else Level.RED
    reason = advice(level, "nothing comes: look at the cable, the power and the node's log")
    return Check(name, level, value, f"at most {limit:.1f} s ago", reason, sensor)


def stamps(name: str, sensor: str, age: float, thresholds: Thresholds) -> Check:
    """Whether stamps lie where the messages came.

    Args:
        name: of the stream, "events" or "frames".
        sensor: whose.
        age: s from a message's stamp to its arrival, the farthest from 0 of those seen; NaN: none seen.
        thresholds: how far it may be.
    """
    limit = thresholds.stamp_age
    level = graded(abs(age), limit, limit)
    far = f"{age:.3f} s old" if abs(age) < 1e6 else f"{age / 31_557_600:.1f} years old"
    value = "none seen" if level == Level.UNKNOWN else far
    reason = advice(level, "the driver's clock is not the host's: start the camera's node anew")
    return Check(f"{name} stamps", level, value, f"within {limit:.1f} s", reason, sensor)


def frame_rate(sensor: str, rate: float, nominal: float, thresholds: Thresholds) -> Check:
    """Whether frames come as often as was asked for.

    Args:
        sensor: whose.
        rate: frames/s; NaN: too few were seen.
        nominal: frames/s asked for.
        thresholds: how many fewer there may be.
    """
    share = rate / nominal
    level = graded(-share, -thresholds.frame_rate_green, -thresholds.frame_rate_red)
    value = "too few seen" if level == Level.UNKNOWN else f"{rate:.1f} frames/s"
    expected = f"at least {thresholds.frame_rate_green * nominal:.1f} frames/s"
    reason = advice(level, "too slow: is the exposure too long, or the machine busy?")
    return Check("frame rate", level, value, expected, reason, sensor)


def frame_interval(sensor: str, p99: float, nominal: float, thresholds: Thresholds) -> Check:
    """Whether frames come evenly.

    Args:
        sensor: whose.
        p99: s, of the intervals between stamps; NaN: too few were seen.
        nominal: s, interval asked for.
        thresholds: how many times longer it may be.
    """
    level = graded(p99 / nominal, thresholds.interval_green, thresholds.interval_red)
    value = "too few seen" if level == Level.UNKNOWN else f"{p99 * 1e3:.1f} ms"
    expected = f"up to {thresholds.interval_green * nominal * 1e3:.1f} ms"
    reason = advice(level, "frames come unevenly: long exposure, or a busy machine")
    return Check("frame interval p99", level, value, expected, reason, sensor)


def missing_frames(stamps_ns: NDArray[np.int64], interval: float) -> int:
    """Frames that are not there, by the gaps they left.

    A frame that came late and is followed by one so much earlier is not missing.

    Args:
        stamps_ns: int64 ``[N]`` ns, in order.
        interval: s, nominal.
    """
    steps = np.diff(stamps_ns) / (interval * 1e9)
    following = np.append(steps[1:], 1.0)
    gaps = (steps >= 1.5) & (steps + following >= 2.5)
    return int(np.maximum(np.rint(steps[gaps]) - 1, 0).sum())


def event_rate(sensor: str, highest: float, mean: float, thresholds: Thresholds) -> Check:
    """Whether the sensor sees anything, and is far enough from its limit.

    Args:
        sensor: davis346 or evk4.
        highest: events/s, over 10 ms; NaN: nothing was looked at.
        mean: events/s.
        thresholds: shares of its limit.
    """
    limit = thresholds.limit(sensor)
    expected = f"{_rate(thresholds.event_rate_least)} to {_rate(thresholds.rate_amber * limit)}"
    level = graded(highest, thresholds.rate_amber * limit, thresholds.rate_red * limit)
    value = "not looked at" if level == Level.UNKNOWN else f"{_rate(mean)}, at most {_rate(highest)}"
    reason = ""
    if mean < thresholds.event_rate_least:
        level, reason = Level.RED, "hardly any event: is the lens covered?"
    elif level in (Level.AMBER, Level.RED):
        reason = f"near the {_rate(limit)} that the sensor can: less contrast behind the face, steadier light"
    return Check("event rate", level, value, expected, reason, sensor)


def rate_at_rest(sensor: str, rest: float, usual: float, performing: float, thresholds: Thresholds) -> Check:
    """The event rate of a face at rest against the subject's usual one.

    Args:
        sensor: davis346 or evk4.
        rest: events/s at rest in this take; NaN: there was no rest.
        usual: events/s, median of the session's earlier takes at rest; NaN: this is the first.
        performing: events/s while performing; NaN: not asked to.
        thresholds: how far it may differ.
    """
    factor = thresholds.rest_change
    change = max(rest / usual, usual / rest) if rest > 0 and usual > 0 else float("nan")
    level = graded(change, factor, float("inf"))
    if level == Level.UNKNOWN and rest == rest:
        level = Level.GREEN
    value = "no rest" if rest != rest else f"{_rate(rest)}, performing {_rate(performing)}"
    expected = "the subject's own"
    if usual == usual:
        expected = f"{_rate(usual / factor)} to {_rate(usual * factor)}"
    reason = advice(level, "the subject moved at rest, or the light changed")
    return Check("event rate at rest", level, value, expected, reason, sensor)


def _rate(rate: float) -> str:
    if rate != rate:
        return "unknown"
    return f"{rate / 1e6:.2f} Mev/s" if rate >= 1e5 else f"{rate / 1e3:.1f} kev/s"
