"""Rendering ahead of the sensor."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from evface.errors import FormatError
from evface.simulation import PhotographScene
from evface.simulation.ahead import render_ahead


def test_pictures_come_in_their_order_and_are_the_scene_s() -> None:
    scene = PhotographScene(seed=1)
    times = [0, 300_000_000, 500_000_000]
    found = list(render_ahead(scene, times, 64, 48))
    assert [time for time, _ in found] == times
    for time, picture in found:
        np.testing.assert_array_equal(picture, scene.render(time, 64, 48))
    assert list(render_ahead(scene, [], 64, 48)) == []


def test_the_next_picture_is_made_while_the_caller_has_the_one_before() -> None:
    seen: list[int] = []
    second = threading.Event()

    class Watched(PhotographScene):
        def render(self, time_ns: int, width: int, height: int):
            seen.append(time_ns)
            if time_ns == 1:
                second.set()
            return super().render(time_ns, width, height)

    pictures = render_ahead(Watched(), [0, 1, 2], 8, 8)
    next(pictures)
    assert second.wait(10.0)
    assert 2 not in seen


def test_what_goes_wrong_in_a_scene_is_the_caller_s_to_know() -> None:
    class Broken(PhotographScene):
        def render(self, time_ns: int, width: int, height: int):
            raise FormatError("no picture")

    with pytest.raises(FormatError, match="no picture"):
        list(render_ahead(Broken(), [0, 1], 8, 8))
