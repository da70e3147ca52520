"""Live cameras against stand-ins at their libraries' boundary, which replay recordings of such cameras."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import dv_processing as dv
import neuromorphic_drivers as nd
import numpy as np
import pytest
from neuromorphic_drivers.device import Device
from stand_in_devices import (
    DAVIS_FILE,
    EVT3_FILE,
    FACE_FILE,
    Cable,
    Davis346,
    Evk4,
    MetavisionUsb,
    NeuromorphicUsb,
    dv_davis,
    v4l2_capture,
    words_of,
)

from evface.cameras import (
    CameraSource,
    EncodedEvents,
    Frame,
    ImuSample,
    LiveSource,
    Reading,
    adjustable,
    live_webcam,
    open_source,
    options_of,
)
from evface.cameras import reading as reading_module
from evface.cameras.live_evk4 import lux_of
from evface.cameras.reading import Reader
from evface.errors import ConfigError, DeviceError
from evface.events import Events, Triggers, make_decoder, open_recording

Find = Callable[[str], Path]


@pytest.fixture
def usb(recording: Find, monkeypatch: pytest.MonkeyPatch) -> NeuromorphicUsb:
    """A DAVIS346 and an EVK4 for neuromorphic-drivers."""
    found = NeuromorphicUsb(recording(DAVIS_FILE), words_of(recording(EVT3_FILE)))
    monkeypatch.setattr(nd, "open", found.open)
    return found


@pytest.fixture
def davis(recording: Find, monkeypatch: pytest.MonkeyPatch) -> Cable:
    """A DAVIS346 for dv-processing."""
    cable = Cable()
    monkeypatch.setattr(dv.io.camera, "DAVIS", dv_davis(recording(DAVIS_FILE), cable))
    return cable


@pytest.fixture
def metavision(recording: Find, monkeypatch: pytest.MonkeyPatch) -> MetavisionUsb:
    """An EVK4 for Metavision, whose module is not installed."""
    module = MetavisionUsb(recording(EVT3_FILE), Cable())
    monkeypatch.setitem(sys.modules, "metavision_hal", module)
    return module


@pytest.fixture
def webcam(recording: Find, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cable:
    """A webcam on a V4L2 node, with what the kernel tells of it."""
    cable, node = Cable(), tmp_path / "dev" / "video0"
    usb_device = tmp_path / "usb"
    interface, entry = usb_device / "interface", tmp_path / "sys" / "video0"
    for folder in (node.parent, interface, entry):
        folder.mkdir(parents=True)
    node.touch()
    (usb_device / "serial").write_text("L9LMRS123456\n")
    (usb_device / "idVendor").write_text("0b05\n")
    (entry / "name").write_text("ROG Eye S\n")
    (entry / "device").symlink_to(interface)
    monkeypatch.setattr(live_webcam, "NODES", node.parent)
    monkeypatch.setattr(live_webcam, "NAMES", entry.parent)
    monkeypatch.setattr(cv2, "VideoCapture", v4l2_capture(recording(FACE_FILE), cable, node))
    return cable


def take(source: CameraSource, enough: Callable[[list[Reading]], bool]) -> list[Reading]:
    """What a source yields until it is enough."""
    readings: list[Reading] = []
    end = time.monotonic() + 10
    while not enough(readings) and time.monotonic() < end:
        readings += source.read(0.1) or []
    assert enough(readings)
    return readings


def packets_of(readings: list[Reading]) -> list[EncodedEvents]:
    return [reading for reading in readings if isinstance(reading, EncodedEvents)]


def decoded(packets: list[EncodedEvents]) -> Events:
    """The events of packets, each decoded on its own."""
    parts = []
    for packet in packets:
        decoder = make_decoder(packet.encoding, packet.width, packet.height)
        parts.append(decoder.decode(packet.data, packet.sensor_time))
    return Events.concatenate(parts)


def events_of(path: Path) -> Events:
    return open_recording(path).read()


def same(one: Events, other: Events) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in "xypt")


def count_of(readings: list[Reading]) -> int:
    return sum(packet.count for packet in packets_of(readings))


# --- stand-ins are like the libraries -------------------------------------------------------------------


def members(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_stand_ins_have_no_member_that_the_library_has_not(recording: Find) -> None:
    real = dv.io.camera.DAVIS
    assert members(dv_davis(recording(DAVIS_FILE), Cable())) <= members(real)
    for one in (Evk4, Davis346):
        assert members(one) - {"drops"} <= members(Device)
    capture = v4l2_capture(recording(FACE_FILE), Cable(), Path("video0"))
    assert members(capture) - {"sent"} <= members(cv2.VideoCapture)


def test_what_opens_a_camera_takes_the_library_s_arguments() -> None:
    ours, theirs = inspect.signature(NeuromorphicUsb().open), inspect.signature(nd.open)
    assert set(ours.parameters) <= set(theirs.parameters)
    for name in ("exposure_us", "frame_interval_us", "activity_filter", "biases"):
        assert name in inspect.signature(nd.inivation_davis346.Configuration).parameters
    for name in ("biases", "enable_external_trigger"):
        assert name in inspect.signature(nd.prophesee_evk4.Configuration).parameters
    assert "waitAny" in dir(cv2.VideoCapture)


# --- DAVIS346 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", ["dv_processing", "neuromorphic"])
def test_a_davis_gives_every_event_frame_and_sample(
    driver: str, davis: Cable, usb: NeuromorphicUsb, recording: Find
) -> None:
    expected = events_of(recording(DAVIS_FILE))
    source = open_source("davis346", driver=driver)
    assert source.open().model == "DAVIS346"
    readings = take(source, lambda got: count_of(got) == len(expected))
    readings += [more for _ in range(5) for more in source.read(0.0) or []]
    assert same(decoded(packets_of(readings)), expected)
    frames = [one for one in readings if isinstance(one, Frame)]
    samples = [one for one in readings if isinstance(one, ImuSample)]
    assert (len(frames), len(samples)) == (3, 130)
    # The middle of an exposure of 4.773 ms.
    assert frames[0].sensor_time == (1633953690976518 * 2 + 4773) * 500
    assert frames[0].encoding == "mono8"
    assert 9 < np.linalg.norm(samples[0].acceleration) < 11
    now = time.time_ns()
    assert all(now - 20_000_000_000 < one.host_time < now for one in packets_of(readings))
    assert isinstance(source, LiveSource)
    assert 20 < float(source.facts()["temperature"]) < 40
    source.close()


@pytest.mark.parametrize("driver", ["dv_processing", "neuromorphic"])
def test_what_a_davis_took_can_be_read_back(driver: str, davis: Cable, usb: NeuromorphicUsb) -> None:
    source = open_source("davis346", driver=driver, exposure=4.0, biases=["DiffBn=4/50"], noise_filter=1.1)
    source.open()
    assert isinstance(source, LiveSource)
    first = source.settings()
    assert set(first) == adjustable(options_of("davis346"))
    # The camera counts the time of its filter in quarters of a millisecond.
    assert (first["exposure"], first["biases"], first["noise_filter"]) == (4.0, ["DiffBn=4/50"], 1.0)
    source.adjust({"exposure": 1.5, "frame_rate": 40.0, "biases": ["RefrBp=3/7"]})
    then = source.settings()
    assert (then["exposure"], then["frame_rate"], then["biases"]) == (1.5, 40.0, ["RefrBp=3/7"])
    source.close()


def test_a_bias_that_is_no_longer_named_is_the_driver_s_again(davis: Cable) -> None:
    source = open_source("davis346", driver="dv_processing", biases=["DiffBn=5/200"])
    source.open()
    assert isinstance(source, LiveSource)
    assert source.facts()["bias DiffBn"] == "5/200"
    source.adjust({"biases": []})
    assert source.facts()["bias DiffBn"] == "4/39"


def test_an_exposure_that_the_camera_shortens_is_told_as_it_is(davis: Cable) -> None:
    source = open_source("davis346", driver="dv_processing", frame_rate=40.0, exposure=80.0)
    source.open()
    assert isinstance(source, LiveSource)
    assert source.settings()["exposure"] == 25.0


def test_a_library_without_automatic_exposure_says_so(usb: NeuromorphicUsb) -> None:
    with pytest.raises(ConfigError, match=r"auto_exposure.*dv_processing"):
        open_source("davis346", driver="neuromorphic", auto_exposure=True).open()


def test_edges_at_the_trigger_input_lie_between_the_events(davis: Cable) -> None:
    source = open_source("davis346", driver="dv_processing", triggers=True)
    source.open()
    readings = take(source, lambda got: count_of(got) > 50_000)
    triggers = [one for packet in packets_of(readings) for one in triggers_of(packet).t.tolist()]
    assert triggers
    assert all(later >= earlier for earlier, later in pairwise(triggers))
    silent = open_source("davis346", driver="dv_processing")
    silent.open()
    packets = packets_of(take(silent, lambda got: count_of(got) > 50_000))
    assert not any(len(triggers_of(packet)) for packet in packets)


def triggers_of(packet: EncodedEvents) -> Triggers:
    decoder = make_decoder(packet.encoding, packet.width, packet.height)
    decoder.decode(packet.data, packet.sensor_time)
    return decoder.drain_triggers()


# --- EVK4 -----------------------------------------------------------------------------------------------


def test_the_words_of_an_evk4_are_passed_on_untouched(usb: NeuromorphicUsb, recording: Find) -> None:
    expected = b"".join(usb.evt3)
    source = open_source("evk4", driver="neuromorphic")
    found = source.open()
    assert (found.serial, found.width, found.height) == ("00051501", 1280, 720)
    packets = packets_of(take(source, lambda got: len(packets_of(got)) == len(usb.evt3)))
    assert b"".join(packet.data for packet in packets) == expected
    decoder = make_decoder("evt3", 1280, 720)
    events = Events.concatenate(
        [decoder.decode(packet.data, packet.sensor_time).copy() for packet in packets]
    )
    assert same(events, events_of(recording(EVT3_FILE)))
    assert isinstance(source, LiveSource)
    facts = source.facts()
    assert facts["temperature"] == 41.3
    assert facts["illuminance"] == pytest.approx(203.5, abs=0.1)
    source.close()


def test_the_light_meter_s_count_is_turned_into_lux_as_openeb_does() -> None:
    # 10^(3.5 - log10(0.37 t)), t in us, counted in hundredths.
    for count in (100, 4200, 1_000_000):
        assert lux_of(count) == pytest.approx(10 ** (3.5 - np.log10(count / 100 * 0.37)))
    assert lux_of(1 << 27 | 4200) == lux_of(4200)


def test_packets_that_the_library_dropped_cut_the_stream_and_are_counted(usb: NeuromorphicUsb) -> None:
    source = open_source("evk4", driver="neuromorphic")
    source.open()
    usb.device.drops = [4000]
    packets = packets_of(take(source, lambda got: len(got) >= 3))
    assert [packet.lost for packet in packets[:3]] == [0, 1, 0]
    assert len(packets[0].data) == 4000
    assert b"".join(packet.data for packet in packets[:2]) == usb.evt3[0]
    assert source.lost == 1


@pytest.mark.parametrize("driver", ["neuromorphic", "metavision"])
def test_biases_of_an_evk4_can_be_set_while_it_runs(
    driver: str, usb: NeuromorphicUsb, metavision: MetavisionUsb
) -> None:
    source = open_source("evk4", driver=driver, bias_diff_on=20)
    source.open()
    assert isinstance(source, LiveSource)
    assert source.settings() == dict.fromkeys(adjustable(options_of("evk4")), 0) | {"bias_diff_on": 20}
    source.adjust({"bias_fo": -30})
    assert (source.settings()["bias_fo"], source.settings()["bias_diff_on"]) == (-30, 20)
    source.close()


def test_an_evk4_through_metavision_gives_its_events_triggers_and_facts(
    metavision: MetavisionUsb, recording: Find
) -> None:
    expected = events_of(recording(EVT3_FILE))
    source = open_source("evk4", driver="metavision", triggers=True)
    assert source.open().serial == "00ca0009"
    readings = take(source, lambda got: count_of(got) == len(expected))
    assert same(decoded(packets_of(readings)), expected)
    assert any(len(triggers_of(packet)) for packet in packets_of(readings))
    assert isinstance(source, LiveSource)
    facts = source.facts()
    assert (facts["illuminance"], facts["temperature"], facts["firmware version"]) == (212, 41, "3.9.0")
    source.close()
    assert not metavision.streaming


# --- webcam ---------------------------------------------------------------------------------------------


def test_a_webcam_s_jpegs_are_passed_on_with_the_buffers_times(webcam: Cable) -> None:
    source = open_source("webcam", frame_rate=30.0)
    found = source.open()
    assert (found.model, found.serial, found.width, found.height) == ("ROG Eye S", "L9LMRS123456", 640, 360)
    frames = [one for one in take(source, lambda got: len(got) == 5) if isinstance(one, Frame)]
    assert [frame.image for frame in frames] == cv2.VideoCapture.sent[:5]
    for frame in frames:
        # A buffer is 20 ms old when it comes.
        assert abs(frame.host_time - (frame.sensor_time + time.time_ns() - time.monotonic_ns())) < 5_000_000
    assert isinstance(source, LiveSource)
    assert source.facts() == {"usb_vendor": "0b05"}
    source.close()


def test_a_webcam_tells_what_it_took(webcam: Cable) -> None:
    source = open_source("webcam", width=1920, height=1080, auto_exposure=False, exposure=0.1)
    source.open()
    assert isinstance(source, LiveSource)
    settings = source.settings()
    assert (settings["width"], settings["height"]) == (640, 360)
    assert not settings["auto_exposure"]
    # It has no exposure below 0.3 ms.
    assert settings["exposure"] == pytest.approx(0.3)
    source.adjust({"exposure": 12.0, "autofocus": False})
    assert source.settings()["exposure"] == pytest.approx(12.0)
    assert not source.settings()["autofocus"]
    source.close()


# --- the cable ------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_module, "RETRY", 0.02)


def cable_of(name: str, request: pytest.FixtureRequest) -> Cable:
    found = request.getfixturevalue(name)
    return found if isinstance(found, Cable) else found.cable


CAMERAS = [
    ("davis346", "dv_processing", "davis"),
    ("davis346", "neuromorphic", "usb"),
    ("evk4", "neuromorphic", "usb"),
    ("evk4", "metavision", "metavision"),
    ("webcam", "", "webcam"),
]


@pytest.mark.parametrize(("camera", "driver", "fixture"), CAMERAS)
def test_an_unplugged_camera_is_an_error_that_says_so(
    camera: str, driver: str, fixture: str, request: pytest.FixtureRequest
) -> None:
    cable = cable_of(fixture, request)
    source = open_source(camera, **({"driver": driver} if driver else {}))
    source.open()
    source.read(0.1)
    cable.plugged = False
    with pytest.raises(DeviceError, match=f"{camera}: .*(unplugged|stopped answering)"):
        take(source, lambda _: False)
    source.close()


class Heard:
    """What a reader delivers."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.ends: list[Exception | None] = []

    def until(self, there: Callable[[], bool]) -> bool:
        end = time.monotonic() + 10
        while not there() and time.monotonic() < end:
            time.sleep(0.005)
        return there()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def read(heard: Heard) -> Iterator[Callable[..., Reader]]:
    """Readers that have begun to read; closed afterwards."""
    readers: list[Reader] = []

    def begin(camera: str, **options: Any) -> Reader:
        reader = Reader(camera, options, heard.readings.append, heard.ends.append)
        reader.open()
        reader.start()
        readers.append(reader)
        return reader

    yield begin
    for reader in readers:
        reader.close()


@pytest.mark.parametrize(("camera", "driver", "fixture"), CAMERAS)
def test_a_camera_that_is_plugged_in_again_goes_on_with_its_settings_behind_a_gap(
    camera: str, driver: str, fixture: str, request: pytest.FixtureRequest, heard: Heard,
    read: Callable[..., Reader], impatient: None,
) -> None:  # fmt: skip
    if camera == "webcam":
        node = live_webcam
    cable = cable_of(fixture, request)
    reader = read(camera, **({"driver": driver} if driver else {}))
    assert heard.until(lambda: len(heard.readings) > 1)
    change = {"bias_fo": 11} if camera == "evk4" else {"exposure": 2.0}
    if camera == "webcam":
        change |= {"auto_exposure": False}
    reader.adjust(change)
    cable.plugged = False
    assert heard.until(lambda: reader.away)
    with pytest.raises(DeviceError, match="unplugged"):
        reader.adjust(change)
    before = len(heard.readings)
    cable.plugged = True
    if camera == "webcam":
        (node.NODES / "video0").touch()
    assert heard.until(lambda: not reader.away and len(heard.readings) > before)
    assert cable.opened == 2
    assert isinstance(reader.source, LiveSource)
    assert reader.source.settings() | change == pytest.approx(reader.source.settings())
    (gap,) = reader.gaps
    assert 0 < gap.begin < gap.end < time.time_ns()
    assert camera in gap.reason
    packets = packets_of(heard.readings[before:])
    assert [packet.lost for packet in packets[:2]] == [1, 0][: len(packets)]
    assert not any(packet.lost for packet in packets_of(heard.readings[:before]))
    assert not heard.ends


def test_only_the_camera_that_was_unplugged_is_taken_again(
    davis: Cable, heard: Heard, read: Callable[..., Reader], impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    find = dv.io.camera.DAVIS.findDevices

    def note(serial: str = "") -> list[Any]:
        asked.append(serial)
        return find(serial)

    monkeypatch.setattr(dv.io.camera.DAVIS, "findDevices", staticmethod(note))
    reader = read("davis346", driver="dv_processing")
    davis.plugged = False
    assert heard.until(lambda: reader.away and len(asked) > 2)
    assert asked[0] == ""
    assert set(asked[1:]) == {"00000104"}


def test_who_does_not_want_to_wait_is_told_that_the_camera_is_gone(
    usb: NeuromorphicUsb, heard: Heard, read: Callable[..., Reader]
) -> None:
    read("evk4", driver="neuromorphic", reconnect=False)
    assert heard.until(lambda: len(heard.readings) > 1)
    usb.cable.plugged = False
    assert heard.until(lambda: bool(heard.ends))
    assert isinstance(heard.ends[0], DeviceError)


def test_a_change_that_the_device_refuses_leaves_it_as_it_was(
    usb: NeuromorphicUsb, read: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = read("evk4", driver="neuromorphic", bias_fo=5)

    def refuse(configuration: Any) -> None:
        raise RuntimeError("the update did not go through")

    monkeypatch.setattr(usb.device, "update_configuration", refuse)
    with pytest.raises(DeviceError, match="refuses bias_fo: the update did not go through"):
        reader.adjust({"bias_fo": 30})
    assert isinstance(reader.source, LiveSource)
    assert reader.source.settings()["bias_fo"] == 5
    assert not reader.gaps


def test_nothing_can_be_changed_of_a_virtual_camera() -> None:
    reader = Reader("webcam", {"source": "virtual"}, lambda _: None, lambda _: None)
    with pytest.raises(DeviceError, match="live device only"):
        reader.adjust({"exposure": 3.0})


def test_a_driver_that_is_a_node_is_not_for_the_library() -> None:
    with pytest.raises(ConfigError, match=r"libcaer_driver.*node"):
        open_source("davis346", driver="libcaer_driver")
