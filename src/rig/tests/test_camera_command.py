"""`rig camera`, at devices that stand in for real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import neuromorphic_drivers as nd
import pytest
import yaml
from stand_in_devices import EVT3_FILE, NeuromorphicUsb, words_of
from typer.testing import CliRunner, Result

from evface.errors import EvfaceError
from rig.cli import app


@pytest.fixture
def usb(recording: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> NeuromorphicUsb:
    found = NeuromorphicUsb(evt3=words_of(recording(EVT3_FILE)))
    monkeypatch.setattr(nd, "open", found.open)
    return found


def look(*words: str) -> Result:
    return CliRunner().invoke(app, ["camera", *words])


def test_a_camera_tells_what_it_is_gives_and_took(usb: NeuromorphicUsb, tmp_path: Path) -> None:
    rig = tmp_path / "rig.yaml"
    rig.write_text(yaml.safe_dump({"evk4": {"driver": "neuromorphic"}}))
    picture = tmp_path / "events.png"
    found = look("evk4", "--rig", str(rig), "--set", "bias_fo=7", "--seconds", "2", "--picture", str(picture))
    assert found.exit_code == 0, found.output
    for words in (
        "EVK4 00051501, 1280x720, live",
        "Mev/s",
        "bias_fo 7",
        "temperature 41.3",
        "lost by the driver: 0",
    ):
        assert words in found.output
    shown = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    assert shown.shape == (720, 1280)
    assert (shown > 0).sum() == 167_634


def test_silence_is_exit_code_1(usb: NeuromorphicUsb) -> None:
    usb.evt3 = []
    found = look("evk4", "--set", "driver=neuromorphic", "--seconds", "1")
    assert (found.exit_code, "nothing" in found.output) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gopro",), "gopro"),
        (("evk4", "--set", "bias_fo"), "NAME=VALUE"),
        (("evk4", "--set", "bias_fo=99"), "bias_fo"),
    ],
)
def test_what_cannot_be_is_one_error_that_names_it(words: tuple[str, ...], said: str) -> None:
    found = look(*words)
    assert isinstance(found.exception, EvfaceError)
    assert said in str(found.exception)
