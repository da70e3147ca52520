"""The loops of the event sensor's pixels, compiled.

Pixels lie in blocks of 64; of each block the fields stand one after the other (`LOG` ...), which keeps
together what is used together and lets the compiler see that nothing overlaps. A block whose light stays as
it was, and whose low-pass has come to rest, sleeps: nothing happens there but leak, which is made up for when
it wakes, and it wakes in time for the first event of its leak.

Events are words as `ordering` has them.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from evface.simulation.sensor.ordering import TIME_BIT

BLOCK = 64
"""Pixels of a block."""

LOG, SIGNAL, ABOVE, ON, OFF = range(5)
"""Fields of a block: logarithm of the light; the same behind the low-pass; what of it the comparators see,
above its value at the last event; and both thresholds."""

FIELDS = 5

AWAKE = -1.0
"""In the place of the time at which a block has to wake: it does not sleep."""

SLOWEST = 0.02
"""Share of the cut-off that a pixel in the dark keeps."""

SHOT_IN_LIGHT = 0.25
"""Share of the shot noise that is left at the light of ``lux_at_cutoff`` and above (v2e)."""

HOT_JITTER = 0.1
"""Standard deviation of the time between two events of a hot pixel, as a share of its mean; of real ones it
is about that, but for events of another origin in between (docs/sensor_model.md)."""

SETTLED = np.float32(1e-3)
"""A block's low-pass has come to rest when so much is left for all its pixels' logarithms together to go: at
most half a percent of a threshold."""

# log2(1 + x) on [0, 1): a polynomial without constant term, fitted by least squares, right to 2.5e-6.
_P1, _P2, _P3, _P4, _P5, _P6 = (
    np.float32(c) for c in (1.44253478, -0.71803359, 0.45715812, -0.27734165, 0.12147295, -0.02579234)
)
# Parts of a float32.
_FRACTION, _POINT, _BIAS = np.int32(0x7FFFFF), np.int32(23), np.int32(127)
_LN2 = np.float32(math.log(2.0))
_MANTISSA = np.float32(2.0**-23)

# 2^-x on [0, 1): a polynomial, right to 6e-8.
_E0, _E1, _E2, _E3, _E4, _E5 = (
    np.float32(c) for c in (0.99999994, -0.69314314, 0.24017896, -0.05529812, 0.00920918, -0.00094688)
)
_ZERO, _ONE, _STEEPEST, _DARKEST = np.float32(0.0), np.float32(1.0), np.float32(120.0), np.float32(SLOWEST)

_LOOSE = {"nnan", "ninf", "nsz", "contract", "reassoc"}
"""Freedoms of the vector loops. Approximate reciprocals are none: makes of processors differ in them."""

_U1, _U2, _U3 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S11 = (np.uint64(bits) for bits in (27, 30, 31, 11))
_UNIT = 2.0**-53


@njit(cache=True, nogil=True, fastmath=_LOOSE, inline="always")
def _logarithm(light):  # type: ignore[no-untyped-def]
    """Natural logarithm of a positive float32, to 2e-6: its exponent, and a polynomial of its mantissa."""
    bits = np.float32(light).view(np.int32)
    x = np.float32(np.int32(bits & _FRACTION)) * _MANTISSA
    whole = np.float32(np.int32(np.int32(bits >> _POINT) - _BIAS))
    return (whole + x * (_P1 + x * (_P2 + x * (_P3 + x * (_P4 + x * (_P5 + x * _P6)))))) * _LN2


@njit(cache=True, nogil=True, fastmath=_LOOSE, inline="always")
def _half_to(x):  # type: ignore[no-untyped-def]
    """2^-x of a float32 from 0 to 120, to 2e-7."""
    whole = np.int32(x)
    f = x - np.float32(whole)
    scale = np.int32(np.int32(_BIAS - whole) << _POINT).view(np.float32)
    return scale * (_E0 + f * (_E1 + f * (_E2 + f * (_E3 + f * (_E4 + f * _E5)))))


@njit(cache=True, nogil=True, fastmath=_LOOSE)
def start(light, lux, dark, cells):  # type: ignore[no-untyped-def]
    """The first light: with no low-pass yet the signal is the light's."""
    for i in range(len(cells) // FIELDS):
        # Behind the last pixel the last block is filled up with its light.
        value = _logarithm(light[min(i, len(light) - 1)] * lux + dark)
        at = (i // BLOCK * FIELDS) * BLOCK + i % BLOCK
        cells[at + LOG * BLOCK] = value
        cells[at + SIGNAL * BLOCK] = value


@njit(cache=True, nogil=True, fastmath=_LOOSE)
def _leak(cells, base, leaked):  # type: ignore[no-untyped-def]
    for j in range(BLOCK):
        at = np.uintp(base + j)
        cells[at + np.uintp(ABOVE * BLOCK)] += leaked * cells[at + np.uintp(ON * BLOCK)]


@njit(cache=True, nogil=True, fastmath=_LOOSE)
def _look(light, begin, lux, dark, cells, base, fresh):  # type: ignore[no-untyped-def]
    """Logarithms of a block's light; by how much all together differ from those before."""
    changed = np.float32(0.0)
    for j in range(BLOCK):
        new = _logarithm(light[np.uintp(begin + j)] * lux + dark)
        fresh[np.uintp(j)] = new
        changed += abs(new - cells[np.uintp(base + j + LOG * BLOCK)])
    return changed


@njit(cache=True, nogil=True, fastmath=_LOOSE)
def _respond(light, begin, gain, steps, lag_steps, leaked, cells, base, fresh, deltas, beyond):  # type: ignore[no-untyped-def]
    """Low-pass and comparators of a block, without a branch, so that it is compiled to vectors.

    The signal is the exact answer of a first-order low-pass to a ramp of the logarithm.

    Returns:
        How many pixels are beyond a threshold, and how much is left for all signals together to go.
    """
    passed, left = np.float32(0.0), np.float32(0.0)
    for j in range(BLOCK):
        at = np.uintp(base + j)
        log, signal = cells[at + np.uintp(LOG * BLOCK)], cells[at + np.uintp(SIGNAL * BLOCK)]
        on, off = cells[at + np.uintp(ON * BLOCK)], cells[at + np.uintp(OFF * BLOCK)]
        share = min(_ONE, max(_DARKEST, light[np.uintp(begin + j)] * gain))
        new = fresh[np.uintp(j)]
        lag = (new - log) * (lag_steps / share)
        answer = new - lag + (signal - log + lag) * _half_to(min(_STEEPEST, steps * share))
        delta = answer - signal + leaked * on
        above = cells[at + np.uintp(ABOVE * BLOCK)] + delta
        cells[at + np.uintp(LOG * BLOCK)] = new
        cells[at + np.uintp(SIGNAL * BLOCK)] = answer
        cells[at + np.uintp(ABOVE * BLOCK)] = above
        deltas[np.uintp(j)] = delta
        excess = max(above - on, -off - above)
        beyond[np.uintp(j)] = excess
        passed += np.float32(excess >= _ZERO)
        left += abs(new - answer)
    return passed, left


@njit(cache=True, nogil=True)
def _pick(beyond, rest, first, now, resting, picked):  # type: ignore[no-untyped-def]
    """The pixels of a block that are beyond a threshold, or rest from their last event; how many."""
    n = 0
    for begin in range(0, BLOCK, 8):
        farthest = beyond[begin]
        for j in range(begin, begin + 8):
            farthest = max(farthest, beyond[np.uintp(j)])
        if farthest < 0.0 and not resting:
            continue
        for j in range(begin, begin + 8):
            if beyond[j] >= 0.0 or (resting and first + j < len(rest) and rest[first + j] > now):
                picked[n] = j
                n += 1
    return n


@njit(cache=True, nogil=True)
def _grown(words):  # type: ignore[no-untyped-def]
    larger = np.empty(2 * len(words) + BLOCK, np.int64)
    larger[: len(words)] = words
    return larger


@njit(cache=True, nogil=True)
def _fire(cells, base, deltas, rest, first, count, now, span, refractory, picked, k, words, n):  # type: ignore[no-untyped-def]
    """Events of the pixels picked.

    Returns:
        The words, in a larger array where they did not fit; their number; until when a pixel rests.
    """
    longest = 0.0
    for m in range(k):
        j = picked[m]
        i = first + j
        if i >= count:
            continue
        delta, after = float(deltas[j]), float(cells[base + j + ABOVE * BLOCK])
        t, value, until = 0.0, after - delta, rest[i]
        if until > now:
            t, value = min(until - now, span), 0.0
        elif delta == 0.0:
            continue
        sign = delta > 0.0
        bound = float(cells[base + j + ON * BLOCK]) if sign else -float(cells[base + j + OFF * BLOCK])
        pace = span / delta if delta != 0.0 else 0.0
        crossing = t + max(0.0, (bound - value) * pace) if delta != 0.0 else np.inf
        while crossing <= span:
            if n == len(words):
                words = _grown(words)
            when = max(np.int64(1), np.int64(math.ceil(crossing)))
            words[n] = (when << TIME_BIT) | (i << 1) | sign
            n += 1
            t, value = crossing + refractory, 0.0
            until = now + t
            crossing = t + bound * pace
        cells[base + j + ABOVE * BLOCK] = value + delta / span * (span - t) if t < span else 0.0
        rest[i] = until
        longest = max(longest, until)
    return words, n, longest


@njit(cache=True, nogil=True)
def _first_leak(cells, base):  # type: ignore[no-untyped-def]
    """Which share of a leak's period passes before a pixel of a block has an event of its leak."""
    share = np.float32(1.0)
    for j in range(BLOCK):
        at = np.uintp(base + j)
        on = cells[at + np.uintp(ON * BLOCK)]
        share = min(share, (on - cells[at + np.uintp(ABOVE * BLOCK)]) / on)
    return max(0.0, float(share))


@njit(cache=True, nogil=True)
def advance(  # type: ignore[no-untyped-def]
    light, optics, leak, refractory, now, span, cells, rest, resting_until, current, due, first, last, words
):
    """A step of the blocks from ``first`` to ``last``; bands of them can be done at the same time.

    Args:
        light: linear, float32 ``[pixels]``.
        optics: lux where light is 1; dark light, lux; 1 / (light at which the cut-off is reached); the step
            in halvings of the low-pass at that light; its time constant there in steps; float32 ``[5]``.
        leak: events a us and pixel.
        refractory: us.
        now: begin of the step, us.
        span: its length, us.
        cells: state, float32 ``[blocks * FIELDS * BLOCK]``.
        rest: of each pixel, until when it rests, us, float64 ``[pixels]``.
        resting_until: of each block, the latest of these.
        current: of each block, up to when its leak is in its levels, us.
        due: of each block, when it has to wake, us, or `AWAKE`.
        first: block.
        last: block behind the last one.
        words: room for events, int64.

    Returns:
        The words, in a larger array where they did not fit, and their number.
    """
    fresh, deltas, beyond, padded = (
        np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32),
        np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32),
    )  # fmt: skip
    picked = np.empty(BLOCK, np.int64)
    lux, dark, gain, steps, lag_steps = optics[0], optics[1], optics[2], optics[3], optics[4]
    leaked, end, count = np.float32(leak * span), now + span, len(light)
    n = 0
    for b in range(first, last):
        base, begin, source = b * (FIELDS * BLOCK), b * BLOCK, light
        if begin + BLOCK > count:
            padded[:] = light[count - 1]
            padded[: count - begin] = light[begin:]
            begin, source = 0, padded
        changed = _look(source, begin, lux, dark, cells, base, fresh)
        if changed == 0.0 and end < due[b]:
            continue
        if due[b] != AWAKE:
            _leak(cells, base, np.float32(leak * (now - current[b])))
            due[b] = AWAKE
        passed, left = _respond(
            source, begin, gain, steps, lag_steps, leaked, cells, base, fresh, deltas, beyond
        )
        current[b] = end
        if passed > 0.0 or resting_until[b] > now:
            k = _pick(beyond, rest, b * BLOCK, now, resting_until[b] > now, picked)
            words, n, resting_until[b] = _fire(
                cells, base, deltas, rest, b * BLOCK, count, now, span, refractory, picked, k, words, n
            )
        if changed == 0.0 and left < SETTLED and resting_until[b] <= end:
            due[b] = end + _first_leak(cells, base) / leak if leak > 0.0 else np.inf
    return words, n


@njit(cache=True, nogil=True, inline="always")
def _uniform(state):  # type: ignore[no-untyped-def]
    """A number from 0 (not it) to 1, after splitmix64."""
    state[0] += _U1
    z = state[0]
    z = (z ^ (z >> _S30)) * _U2
    z = (z ^ (z >> _S27)) * _U3
    z = z ^ (z >> _S31)
    return (float(z >> _S11) + 0.5) * _UNIT


@njit(cache=True, nogil=True)
def _noise_event(i, time, now, span, leak, refractory, cells, rest, resting_until, current, due):  # type: ignore[no-untyped-def]
    """Give a pixel a noise event, unless it rests: whatever caused it, its level begins anew."""
    if abs(time - (rest[i] - refractory)) < refractory:
        return False
    b, at = i // BLOCK, i // BLOCK * (FIELDS * BLOCK) + i % BLOCK
    end = now + span
    cells[at + ABOVE * BLOCK] = 0.0
    if due[b] != AWAKE:
        # The leak that the block still owes begins now.
        cells[at + ABOVE * BLOCK] = -np.float32(leak * (end - current[b])) * cells[at + ON * BLOCK]
        if leak > 0.0:
            due[b] = min(due[b], end + 1.0 / leak)
    if refractory > 0.0:
        rest[i] = max(rest[i], time + refractory)
        if rest[i] > end:
            resting_until[b] = max(resting_until[b], rest[i])
            if due[b] != AWAKE:
                # A block with a pixel at rest is looked at in the next step.
                due[b] = end
    return True


@njit(cache=True, nogil=True, inline="always")
def _normal(state):  # type: ignore[no-untyped-def]
    """A normal deviate, after Box and Muller."""
    return math.sqrt(-2.0 * math.log(_uniform(state))) * math.cos(2.0 * math.pi * _uniform(state))


@njit(cache=True, nogil=True)
def delay(words, span, jitter, state):  # type: ignore[no-untyped-def]
    """Jitter of events' times, within their step: its standard deviation in us."""
    below = (np.int64(1) << TIME_BIT) - 1
    for k in range(len(words)):
        when = np.int64(words[k] >> TIME_BIT) + np.int64(round(jitter * _normal(state)))
        words[k] = (max(np.int64(1), min(np.int64(span), when)) << TIME_BIT) | (words[k] & below)


@njit(cache=True, nogil=True)
def add_noise(  # type: ignore[no-untyped-def]
    light, gain, shot_rate, hot, hot_gaps, clocks, leak, refractory, now, span,
    cells, rest, resting_until, current, due, state, words, n,
):  # fmt: skip
    """Shot noise, a Poisson process, and hot pixels, which fire nearly evenly, behind a step's events.

    ``light`` is linear; ``gain`` is 1 / (light from which shot noise is least); ``shot_rate`` is that of all
    pixels together in the dark, events a us; ``hot`` are the pixels that fire by themselves, ``hot_gaps`` the
    mean us between their events; ``clocks`` say when the next one of each comes and, last, the next shot
    event, us; ``state`` is that of the random numbers; ``words`` has the step's events, ``n`` of them. The
    rest is as in `advance`.
    """
    end = now + span
    for source in range(len(clocks)):
        is_shot = source == len(hot)
        while clocks[source] <= end:
            time = clocks[source]
            if is_shot:
                clocks[source] = time - math.log(_uniform(state)) / shot_rate
                i = np.int64(_uniform(state) * len(light))
                if _uniform(state) >= 1.0 - (1.0 - SHOT_IN_LIGHT) * min(light[i] * gain, 1.0):
                    continue
                sign = np.int64(_uniform(state) < 0.5)
            else:
                clocks[source] = time + hot_gaps[source] * max(0.1, 1.0 + HOT_JITTER * _normal(state))
                i, sign = hot[source], np.int64(1)
            if not _noise_event(
                i, time, now, span, leak, refractory, cells, rest, resting_until, current, due
            ):
                continue
            if n == len(words):
                words = _grown(words)
            when = max(np.int64(1), min(np.int64(span), np.int64(math.ceil(time - now))))
            words[n] = (when << TIME_BIT) | (i << 1) | sign
            n += 1
    return words, n


@njit(cache=True, nogil=True)
def queue(t, kept, gap, patience, free):  # type: ignore[no-untyped-def]
    """Hand events out one by one, ``gap`` us apart; how many got through, and when the bus is free."""
    n = 0
    for i in range(len(t)):
        out = max(float(t[i]), free)
        if out - t[i] > patience:
            continue
        t[i] = np.int64(out)
        kept[n] = i
        n += 1
        free = out + gap
    return n, free
