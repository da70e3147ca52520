"""Clips that show an Action Unit: the right movement, to the right side, in a file that plays."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from evface.errors import ConfigError
from evface.protocol import AU_NUMBERS, Script, clip_folder, clip_path, draw_clips, missing_clips
from evface.simulation.demonstration import LENGTH, SIZE, shown, strength_at

SCRIPT = Script(
    name="one", demonstration={"clip": 1.0, "repeats": 2}, countdown=1.0, perform=1.0, rest=0.0, aus=(52,)
)


@pytest.mark.parametrize("au", AU_NUMBERS)
def test_a_movement_comes_out_of_rest_and_goes_back(au: int) -> None:
    strengths = [strength_at(au, time) for time in np.linspace(0.0, LENGTH, 151)]
    assert strengths[0] == strengths[-1] == 0.0
    assert max(strengths) > 0.99
    rest, height = shown(au, 0.0), shown(au, 1.0)
    assert not any(rest.left)
    assert rest.head == (0.0, 0.0, 0.0)
    assert np.array_equal(height.left, height.right)
    assert any(height.left) or any(height.gaze) or any(height.head)


def test_no_two_action_units_look_alike() -> None:
    looks = [(*shown(au, 1.0).left, *shown(au, 1.0).gaze, *shown(au, 1.0).head) for au in AU_NUMBERS]
    # A blink is closed eyes, but shorter.
    assert len(set(looks)) == len(AU_NUMBERS) - 1
    closed = [sum(strength_at(au, time) > 0.5 for time in np.linspace(0, LENGTH, 301)) for au in (43, 45)]
    assert closed[0] > 5 * closed[1]


def test_a_drawn_clip_plays_and_turns_to_the_viewers_own_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert missing_clips(SCRIPT) == [52]
    draw_clips(SCRIPT)
    assert missing_clips(SCRIPT) == []
    path = clip_path(clip_folder(SCRIPT), 52)
    assert path is not None
    with av.open(path) as file:
        assert file.streams.video[0].codec_context.name == "vp9"
        pictures = [frame.to_ndarray(format="bgr24").astype(float) for frame in file.decode(video=0)]
    assert len(pictures) == 25
    assert pictures[0].shape == (*SIZE[::-1], 3)
    # To the viewer's own right, as before a mirror: there more of the skin is seen.
    assert middle_of_skin(pictures[12]) > middle_of_skin(pictures[0]) + 20


def middle_of_skin(picture: np.ndarray) -> float:
    """Mean column of what is redder than grey between brow and chin."""
    face = picture[200:380]
    skin = (face[..., 2] > 1.15 * face[..., 0]) & (face[..., 2] > 90.0)
    return float((skin.sum(0) * np.arange(skin.shape[1])).sum() / skin.sum())


def test_a_script_that_flashes_its_clips_needs_none() -> None:
    demonstration = SCRIPT.demonstration.model_copy(update={"clip": 0.3})
    assert missing_clips(SCRIPT.model_copy(update={"demonstration": demonstration})) == []


def test_a_labs_own_folder_must_hold_them_all(tmp_path: Path) -> None:
    script = SCRIPT.model_copy(update={"clips": str(tmp_path), "aus": (52, 12)})
    (tmp_path / "au52.mp4").write_bytes(b"own")
    assert clip_path(clip_folder(script), 52) == tmp_path / "au52.mp4"
    with pytest.raises(ConfigError, match=r"no clip of AU 12: expected au12\.webm"):
        draw_clips(script)
