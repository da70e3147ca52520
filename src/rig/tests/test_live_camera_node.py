"""A live camera's node: parameters at run time, unplugging, diagnostics; the device is a stand-in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import neuromorphic_drivers as nd
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from stand_in_devices import DAVIS_FILE, EVT3_FILE, NeuromorphicUsb, words_of

from event_camera_msgs.msg import EventPacket
from evface.cameras import reading
from rig.camera_node import CameraNode
from rig.diagnosis import SILENCE, Health, diagnose
from rig.transport import EVENTS_QOS, SMALL_QOS

SUCCESS = TransitionCallbackReturn.SUCCESS
OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK,
    DiagnosticStatus.WARN,
    DiagnosticStatus.ERROR,
    DiagnosticStatus.STALE,
)


@pytest.fixture
def usb(recording: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> NeuromorphicUsb:
    """A DAVIS346 and an EVK4 for neuromorphic-drivers, looked for again soon after they were unplugged."""
    found = NeuromorphicUsb(recording(DAVIS_FILE), words_of(recording(EVT3_FILE)))
    monkeypatch.setattr(nd, "open", found.open)
    monkeypatch.setattr(reading, "RETRY", 0.05)
    return found


class Here:
    """A camera's node, active, and ears for what it says."""

    def __init__(self, camera: str, **parameters: Any) -> None:
        given = {"source": "live", "driver": "neuromorphic", "autostart": "false", **parameters}
        words = [word for name, value in given.items() for word in ("-p", f"{name}:={value}")]
        rclpy.init(args=["--ros-args", *words])
        self.node, self.ears = CameraNode(camera), Node("ears")
        self.packets: list[int] = []
        self.status: list[DiagnosticStatus] = []
        self.ears.create_subscription(EventPacket, f"/{camera}/events", self._on_packet, EVENTS_QOS)
        self.ears.create_subscription(DiagnosticArray, "/diagnostics", self._on_status, SMALL_QOS)
        self._executor = SingleThreadedExecutor()
        for one in (self.node, self.ears):
            self._executor.add_node(one)
        assert self.until(lambda: self.ears.count_publishers(f"/{camera}/events") > 0)

    def activate(self) -> None:
        assert self.node.trigger_configure() == SUCCESS
        assert self.node.trigger_activate() == SUCCESS

    def _on_packet(self, packet: EventPacket) -> None:
        self.packets.append(packet.seq)

    def _on_status(self, message: DiagnosticArray) -> None:
        self.status += message.status

    def until(self, there: Callable[[], bool], timeout: float = 20.0) -> bool:
        limit = time.monotonic() + timeout
        while not there() and time.monotonic() < limit:
            self._executor.spin_once(timeout_sec=0.05)
        return there()

    def said(self, level: bytes, word: str) -> bool:
        return any(one.level == level and word in one.message for one in self.status)

    def facts(self) -> dict[str, str]:
        return {entry.key: entry.value for entry in self.status[-1].values}

    def set(self, **values: Any) -> list[Any]:
        return self.node.set_parameters([Parameter(name, value=value) for name, value in values.items()])

    def get(self, name: str) -> Any:
        return self.node.get_parameter(name).value

    def close(self) -> None:
        self.node.release()
        for one in (self.node, self.ears):
            one.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def here(usb: NeuromorphicUsb) -> Iterator[Callable[..., Here]]:
    made: list[Here] = []

    def make(camera: str, **parameters: Any) -> Here:
        made.append(Here(camera, **parameters))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_an_unplugged_camera_is_told_of_and_goes_on_when_it_is_back(
    here: Callable[..., Here], usb: NeuromorphicUsb
) -> None:
    bench = here("evk4")
    bench.activate()
    assert bench.until(lambda: bench.said(OK, "streaming") and len(bench.packets) == len(usb.evt3))
    first = bench.status[-1]
    assert (first.name, first.hardware_id) == ("evk4: source", "EVK4 00051501")
    facts = bench.facts()
    assert (facts["temperature"], facts["illuminance"], facts["lost"]) == ("41.3", "203.5", "0")
    assert "gaps" not in facts
    usb.cable.plugged = False
    assert bench.until(lambda: bench.said(ERROR, "unplugged"))
    refused = bench.set(bias_fo=3)[0]
    assert not refused.successful
    assert "unplugged" in refused.reason
    assert bench.get("bias_fo") == 0
    usb.cable.plugged = True
    bench.status.clear()
    assert bench.until(lambda: bench.said(OK, "streaming") and len(bench.packets) > len(usb.evt3))
    # Whoever counts sees the gap.
    there = len(usb.evt3)
    assert bench.packets[: there + 1] == [*range(there), there + 1]
    (gap,) = json.loads(bench.facts()["gaps"])
    assert 0 < gap["begin"] < gap["end"]
    assert "unplugged" in gap["reason"]


def test_what_the_camera_took_is_what_the_parameter_says(
    here: Callable[..., Here], usb: NeuromorphicUsb
) -> None:
    bench = here("davis346", exposure="1.23456789", frame_rate="30.0")
    bench.activate()
    # The camera counts microseconds.
    assert bench.get("exposure") == pytest.approx(1.235)
    assert bench.get("frame_rate") == pytest.approx(1e6 / 33333)
    assert bench.set(exposure=2.00049, noise_filter=1.1)[0].successful
    assert usb.device._written.exposure_us == 2000
    assert bench.get("exposure") == pytest.approx(2.0)
    assert bench.get("noise_filter") == 1.0
    assert bench.set(biases=["PrBp=2/60"])[0].successful
    assert usb.device._written.biases.prbp == 2 * 256 + 60
    for wrong, why in (
        ({"exposure": 1000.0}, "exposure"),
        ({"biases": ["Foo=1/1"]}, "Foo=1/1"),
        ({"serial": "B0B"}, "before the camera is opened"),
        ({"auto_exposure": True}, "dv_processing"),
    ):
        refused = bench.set(**wrong)[0]
        assert not refused.successful, wrong
        assert why in refused.reason
    assert bench.get("exposure") == pytest.approx(2.0)
    assert usb.device._written.exposure_us == 2000
    assert bench.until(lambda: bool(bench.status) and bench.facts().get("exposure") == "2.0")


def test_before_it_is_opened_everything_can_be_set(here: Callable[..., Here], usb: NeuromorphicUsb) -> None:
    bench = here("evk4")
    assert bench.set(bias_diff_on=33)[0].successful
    bench.activate()
    assert usb.device._written.biases.diff_on == 33
    assert bench.node.trigger_deactivate() == SUCCESS
    assert bench.set(bias_diff_on=34)[0].successful  # open, though nobody reads it
    assert usb.device._written.biases.diff_on == 34
    assert bench.node.trigger_cleanup() == SUCCESS
    assert bench.set(driver="auto")[0].successful


@pytest.mark.parametrize(
    ("health", "level", "word"),
    [
        (Health(), OK, "streaming"),
        (Health(configured=False), STALE, "not configured"),
        (Health(active=False, silent=99.0), OK, "not active"),
        (Health(silent=SILENCE + 1), ERROR, "silent for 3 s"),
        (Health(silent=SILENCE + 1, live=False), OK, "streaming"),
        (Health(lost=4), WARN, "4 packets"),
        (Health(away="it went"), ERROR, "it went"),
        (Health(ended="the source has ended", silent=9.0), WARN, "ended"),
    ],
)
def test_levels_are_those_of_rep_107(health: Health, level: bytes, word: str) -> None:
    found, message = diagnose(health)
    assert found == level
    assert word in message


def test_a_message_that_dds_does_not_take_is_missing_and_the_next_one_comes(
    here: Callable[..., Here], usb: NeuromorphicUsb, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = here("evk4")
    publish, refused = bench.node._ours["events"].publish, iter([True])

    def sometimes(message: EventPacket) -> None:
        if message.seq == 5 and next(refused, False):
            raise RCLError("cannot publish data")
        publish(message)

    monkeypatch.setattr(bench.node._ours["events"], "publish", sometimes)
    bench.activate()
    assert bench.until(lambda: len(bench.packets) == len(usb.evt3) - 1)
    assert bench.packets[4:6] == [4, 6]
    assert bench.until(lambda: bool(bench.status) and bench.facts().get("unpublished") == "1")
