"""What cameras see of a virtual person: a face, the same in every process, that moves without jumps."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from evface.cameras.source import Cue
from evface.dataset.boxes import FaceDetector
from evface.protocol import AU_NUMBERS
from evface.simulation.face import FaceScene
from evface.simulation.face.figure import GREY
from evface.simulation.face.identity import Identity
from evface.simulation.scene import to_grey
from evface.simulation.subject.face_state import ACTION_INDEX, ACTIONS, FaceState, Performance

BEGIN, SECOND, MILLISECOND = 1_800_000_000_000_000_000, 1_000_000_000, 1_000_000
SIZES = {"davis346": (346, 260), "webcam": (1280, 720)}
SURE = 0.95
PROFILES = (51, 52)
Picture = NDArray[np.uint8]
Light = NDArray[np.float32]


def ask(scene: FaceScene, au: int) -> Performance:
    """The truth of the first take of an Action Unit that does not fail."""
    for take in range(1, 9):
        start = BEGIN + (8 * AU_NUMBERS.index(au) + take) * 20 * SECOND
        scene.cue(Cue("perform", au, start, 4 * SECOND, AU_NUMBERS.index(au), take))
        truth = scene.behaviour.performances[-1]
        if not truth.failed:
            return truth
    raise AssertionError(f"AU {au} failed eight times")


def apex(truth: Performance) -> int:
    return (truth.apex + truth.offset) // 2


def frame(scene: FaceScene, camera: str, time_ns: int) -> Picture:
    width, height = SIZES[camera]
    if camera == "webcam":
        return scene.picture(time_ns, width, height)
    return to_grey(scene.render(time_ns, width, height))


def still(position: tuple[float, float, float] = (0, 0, 0), head: tuple[float, float, float] = (0, 0, 0),
          **strengths: float) -> FaceState:  # fmt: skip
    """A state of the face; strengths as ``au12=1.0``."""
    side = np.zeros(len(ACTIONS))
    for name, strength in strengths.items():
        side[ACTION_INDEX[int(name[2:])]] = strength
    return FaceState(side, side, head=head, position=position)


@cache
def shared(seed: int, camera: str) -> FaceScene:
    """A scene for tests that ask for no Action Unit: opening one takes a second."""
    return FaceScene(seed, camera)


@cache
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.mark.parametrize(("seed", "camera"), [(1, "davis346"), (8, "davis346"), (14, "webcam")])
def test_a_face_is_found_at_rest_and_at_each_apex(seed: int, camera: str) -> None:
    scene = FaceScene(seed, camera)
    # 0 is rest.
    times = {0: BEGIN, **{au: apex(ask(scene, au)) for au in AU_NUMBERS}}
    missed: dict[int, float] = {}
    for au, time_ns in times.items():
        box = detector().detect(frame(scene, camera, time_ns))
        probability = box.probability if box is not None else 0.0
        if probability <= SURE:
            missed[au] = probability
    profiles = {au: missed.pop(au) for au in PROFILES if au in missed}
    print(f"{camera}, seed {seed}: {len(profiles)} of {len(PROFILES)} profiles are not seen as faces")
    assert missed == {}


DRAW = """
import hashlib
from evface.cameras.source import Cue
from evface.simulation.face import FaceScene
scene = FaceScene(4, "davis346")
scene.cue(Cue("perform", 12, {begin}, 4_000_000_000, 5, 1))
truth = scene.behaviour.performances[-1]
print(hashlib.sha256(scene.render(truth.apex, 346, 260).tobytes()).hexdigest())
"""


def test_a_process_of_its_own_sees_the_same_pixels() -> None:
    own = FaceScene(4, "davis346")
    own.cue(Cue("perform", 12, BEGIN, 4 * SECOND, 5, 1))
    here = hashlib.sha256(own.render(own.behaviour.performances[-1].apex, 346, 260).tobytes()).hexdigest()
    command = [sys.executable, "-c", DRAW.format(begin=BEGIN)]
    there = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert there.stdout.strip() == here


def test_a_moment_looks_the_same_whatever_was_looked_at_before() -> None:
    one, other = FaceScene(6, "davis346"), FaceScene(6, "davis346")
    truth = ask(one, 12)
    ask(other, 12)
    moments = [truth.onset + k * 35 * MILLISECOND for k in range(20)]
    forwards = [one.render(time_ns, 346, 260) for time_ns in moments]
    for time_ns in range(moments[0], moments[-1], 5 * MILLISECOND):
        other.render(time_ns, 346, 260)
    for time_ns, seen in zip(reversed(moments), reversed(forwards), strict=True):
        assert np.array_equal(other.render(time_ns, 346, 260), seen)


@pytest.mark.parametrize("camera", ["davis346", "webcam"])
def test_grey_light_is_the_luminance_of_the_colours(camera: str) -> None:
    scene = shared(3, camera)
    width, height = SIZES[camera]
    colours = scene.look(scene.behaviour.state(BEGIN), BEGIN, width, height, np.eye(3))
    assert scene.render(BEGIN, width, height) == pytest.approx(colours @ GREY[0], abs=1e-5)


def test_light_is_a_share_of_white_and_nothing_is_missing() -> None:
    for seed in (1, 5, 14):
        light = shared(seed, "davis346").render(BEGIN, 346, 260)
        assert light.dtype == np.float32
        assert np.isfinite(light).all()
        assert 0.0 < light.min() < light.mean() < light.max() < 2.0


@pytest.mark.parametrize("au", [2, 12, 26, 43, 61])
def test_room_and_light_do_not_know_the_action_unit(au: int) -> None:
    """Away from head and shoulders the same moment shows the same pixels, whatever the subject does."""
    one, other = FaceScene(7, "davis346"), FaceScene(7, "davis346")
    truth = ask(one, au)
    assert one.light == other.light
    with_au, without = (scene.render(apex(truth), 346, 260) for scene in (one, other))
    differs = np.abs(with_au - without) > 1e-6
    assert differs.any()
    assert not differs[:150, :70].any()
    assert not differs[:150, 276:].any()


def jumps(camera: str, seed: int, states: list[FaceState]) -> tuple[float, float]:
    """The largest change of a pixel from one state to the next, and the share of edges' pixels that jump.

    A jump is a change by more than a quarter of the light's range within two pixels around.
    """
    scene = shared(seed, camera)
    width, height = 346, 260
    seen = np.stack([scene.look(state, BEGIN, width, height, GREY)[..., 0] for state in states])
    changes = np.abs(np.diff(seen, axis=0))
    reach = _range_around(seen)
    edges = reach > 0.2
    share = changes[:, edges] / reach[edges]
    return float(changes.max()), float((share > 0.25).mean())


def _range_around(seen: Light) -> Light:
    low, high = seen.min(0), seen.max(0)
    for axis in (0, 1):
        low = np.min([np.roll(low, shift, axis) for shift in (-2, -1, 0, 1, 2)], axis=0)
        high = np.max([np.roll(high, shift, axis) for shift in (-2, -1, 0, 1, 2)], axis=0)
    return np.asarray(high - low)


STEP = 0.05 / 0.81
"""mm that are a twentieth of a pixel of the DAVIS346."""


@pytest.mark.parametrize("seed", [2, 4, 8])
@pytest.mark.parametrize("direction", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)], ids=["sideways", "up"])
def test_edges_move_without_jumps(seed: int, direction: tuple[float, float, float]) -> None:
    states = [still(position=tuple(STEP * k * part for part in direction)) for k in range(40)]
    _, share = jumps("davis346", seed, states)
    # A twentieth of a pixel should change a twentieth of an edge's contrast.
    # Nearly all pixels do; two surfaces that change places before each other still jump.
    assert share < 5e-4


@pytest.mark.parametrize(("first", "last"), [((28, 0, 0), (31, 0, 0)), ((0, -22, 0), (0, -19, 0))])
def test_turning_heads_hardly_jump(
    first: tuple[float, float, float], last: tuple[float, float, float]
) -> None:
    states = [still(head=tuple(np.array(first) + (np.array(last) - first) * k / 79)) for k in range(80)]
    _, share = jumps("davis346", 2, states)
    assert share < 1e-3


def test_closing_lids_change_pixels_bit_by_bit() -> None:
    largest, share = jumps("davis346", 2, [still(au43=0.005 * k) for k in range(120)])
    assert largest < 0.03
    assert share == 0.0


@pytest.mark.parametrize("au", [12, 26, 51, 54, 61])
def test_motion_is_never_less_than_what_moves(au: int) -> None:
    """`motion` against where the figure places its points."""
    scene = FaceScene(4, "davis346")
    truth = ask(scene, au)
    step = 4 * MILLISECOND
    scene.render(BEGIN, 346, 260)
    figure, _ = next(iter(scene._figures.values()))

    def places(time_ns: int) -> NDArray[np.float32]:
        return np.stack(figure.place(scene.behaviour.state(time_ns), scene.seat, 346, 260))

    for begin in np.linspace(truth.onset, truth.end, 12).astype(int).tolist():
        said = scene.motion(begin, begin + step, 346, 260)
        assert np.hypot(*(places(begin + step) - places(begin))).max() <= said + 0.02


def test_no_two_people_look_alike() -> None:
    faces = []
    for seed in range(1, 13):
        state = still()
        light = shared(seed, "davis346").look(state, BEGIN, 346, 260, GREY)[60:200, 103:243, 0]
        faces.append((light / light.mean()).ravel())
    distances = [float(np.abs(one - other).mean()) for k, one in enumerate(faces) for other in faces[:k]]
    assert min(distances) > 0.08


def test_a_person_differs_more_from_others_than_from_itself_at_another_moment() -> None:
    scene = shared(5, "davis346")
    one, later = (scene.render(BEGIN + k * 7 * SECOND, 346, 260) for k in (0, 1))
    other = shared(6, "davis346").render(BEGIN, 346, 260)
    assert np.abs(one - later).mean() < 0.3 * np.abs(one - other).mean()


def test_cohorts_have_every_kind_of_hair_beard_and_glasses() -> None:
    people = [Identity.of(seed) for seed in range(1, 65)]
    assert {one.hair_style for one in people} == {"bald", "cropped", "short", "parted", "long", "bun"}
    assert {one.beard for one in people} == {"none", "stubble", "moustache", "goatee", "full"}
    assert {one.glasses for one in people} == {"none", "thin", "thick"}
    assert {one.sex for one in people} == {"f", "m"}


def _looks() -> list[int]:
    """The first seed of each kind of hair, beard and glasses."""
    chosen: dict[tuple[str, str], int] = {}
    for seed in range(64, 0, -1):
        who = Identity.of(seed)
        for kind, value in (("hair", who.hair_style), ("beard", who.beard), ("glasses", who.glasses)):
            chosen[kind, value] = seed
    return sorted(set(chosen.values()))


@pytest.mark.parametrize("seed", _looks())
def test_every_kind_of_person_is_drawn_from_every_side(seed: int) -> None:
    scene = FaceScene(seed, "davis346")
    for head in ((0, 0, 0), (60, 0, 0), (-60, 10, 5), (0, 30, -5), (10, -35, 0)):
        light = scene.look(still(head=head), BEGIN, 346, 260, GREY)
        assert np.isfinite(light).all()
        # Nobody is a hole in the wall: where the head is something else is drawn.
        assert light[90:180, 130:210].std() > 0.005
