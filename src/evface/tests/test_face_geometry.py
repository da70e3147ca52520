"""How far each Action Unit moves the landmarks of a virtual face, in millimetres of the project's notes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from evface.protocol import AU_NUMBERS
from evface.simulation.face.eyes import HALF_WIDTH, LOWER, UPPER, EyeState, iris_shift, lid_heights
from evface.simulation.face.figure import PIVOT, Person, rotation_of
from evface.simulation.face.identity import Identity
from evface.simulation.face.shape import MOUTH_HALF, MOUTH_Y
from evface.simulation.face.skin import lip_edges
from evface.simulation.subject.face_state import ACTION_INDEX, ACTIONS, FaceState
from evface.simulation.subject.timing import STRONGEST, WEAKEST, extent

SEEDS = range(1, 17)
MUSCLES = tuple(action for action in ACTIONS if action != 43)
Field = NDArray[np.float64]

OUTER_BROW, INNER_BROW = (43.0, 21.0), (14.0, 20.0)
CHEEK, WING, UPPER_LIP = (42.0, -24.0), (13.0, -40.0), (10.0, -63.0)
CORNER, BOSS, LOWER_LIP, CHIN = (MOUTH_HALF, MOUTH_Y), (0.0, -97.0), (0.0, -74.0), (0.0, -99.0)
"""Places on the average face, mm to the subject's left and up."""


@cache
def person(seed: int, coarseness: float = 1.0) -> Person:
    return Person(Identity.of(seed), coarseness)


def at(someone: Person, values: Field, place: tuple[float, float], *, lower: bool = False) -> Field:
    """Values of the head's points ``[R, C, 3]`` at a place of the average face's front."""
    head = someone.head
    x, y = place
    lower = lower or y < MOUTH_Y
    rows = np.arange(head.cut + 1, len(head.base)) if lower else np.arange(head.cut + 1)
    front = np.flatnonzero(head.base[head.cut, :, 2] > 0)
    heights = -head.base[rows, 0, 1]
    below = int(np.clip(np.searchsorted(heights, -y), 1, len(rows) - 1))
    share = np.clip((-y - heights[below - 1]) / (heights[below] - heights[below - 1]), 0.0, 1.0)
    above, under = (
        [np.interp(x, head.base[row, front, 0], values[row, front, axis]) for axis in range(3)]
        for row in (rows[below - 1], rows[below])
    )
    return (1 - share) * np.array(above) + share * np.array(under)


def moved(someone: Person, strengths: dict[int, float], sides: tuple[int, ...] = (0, 1)) -> Field:
    """How far every point goes, mm ``[R, C, 3]``."""
    total = sum(
        strength * someone.fields[ACTION_INDEX[action], side].astype(np.float64)
        for action, strength in strengths.items()
        for side in sides
    )
    return np.asarray(total).reshape(someone.head.points.shape)


def goes(seed: int, action: int, place: tuple[float, float], *, lower: bool = False) -> Field:
    """mm to the left, up and to the camera that a place of the left half goes at strength 1."""
    someone = person(seed)
    return at(someone, moved(someone, {action: 1.0}), place, lower=lower)


def eye(
    seed: int, strengths: dict[int, float], gaze: tuple[float, float] = (0.0, 0.0)
) -> tuple[EyeState, EyeState]:
    side = np.zeros(len(ACTIONS))
    for action, strength in strengths.items():
        side[ACTION_INDEX[action]] = strength
    return person(seed).eye_states(FaceState(side, side, gaze))


def lids(seed: int, state: EyeState) -> tuple[float, float]:
    """Heights of the upper and the lower lid's edge in the middle of an eye, mm of this person."""
    who = person(seed).who
    shape = (HALF_WIDTH * who.eye_size, UPPER * who.eye_size, LOWER * who.eye_size, who.eye_tilt)
    upper, lower = lid_heights(0.0, *shape, state.closed, state.upper, state.lower)
    return upper * who.size, lower * who.size


def within(values: list[float], low: float, high: float) -> None:
    assert low <= min(values), f"{min(values):.2f} < {low}"
    assert max(values) <= high, f"{max(values):.2f} > {high}"


UP, DOWN, INWARDS = (0.0, 1.0), (0.0, -1.0), (-1.0, 0.0)
OUT_AND_UP = (np.sqrt(0.5), np.sqrt(0.5))


@pytest.mark.parametrize(
    ("action", "place", "direction", "low", "high"),
    [
        pytest.param(2, OUTER_BROW, UP, 4, 8, id="2 outer brow up"),
        pytest.param(4, INNER_BROW, DOWN, 3, 5.2, id="4 brows down"),
        pytest.param(4, INNER_BROW, INWARDS, 2, 4, id="4 brows together"),
        pytest.param(6, CHEEK, UP, 3, 5, id="6 cheek up"),
        pytest.param(9, WING, UP, 2, 4, id="9 nostril wing up"),
        pytest.param(9, UPPER_LIP, UP, 1.8, 4, id="9 upper lip up"),
        pytest.param(12, CORNER, OUT_AND_UP, 6, 12, id="12 lip corner up and out"),
        pytest.param(15, CORNER, DOWN, 3, 6, id="15 lip corner down"),
        pytest.param(17, BOSS, UP, 3, 6, id="17 chin boss up"),
        pytest.param(17, LOWER_LIP, UP, 2, 4, id="17 lower lip up"),
        pytest.param(26, CHIN, DOWN, 8, 20, id="26 chin down"),
    ],
)
def test_a_landmark_goes_as_far_as_the_notes_say(
    action: int, place: tuple[float, float], direction: tuple[float, float], low: float, high: float
) -> None:
    within([float(goes(seed, action, place)[:2] @ direction) for seed in SEEDS], low, high)


def test_smiling_lip_corners_go_at_45_degrees() -> None:
    ways = [goes(seed, 12, CORNER) for seed in SEEDS]
    within([float(np.degrees(np.arctan2(up, out))) for out, up, _ in ways], 35, 55)


def test_the_outer_brow_goes_alone() -> None:
    for seed in SEEDS:
        assert goes(seed, 2, INNER_BROW)[1] < 0.3 * goes(seed, 2, OUTER_BROW)[1]


def test_tightened_lips_are_narrower() -> None:
    narrower = []
    for seed in SEEDS:
        someone = person(seed)
        shift = moved(someone, {23: 1.0})
        rest, tight = (
            at(someone, points, CORNER)[0] - at(someone, points, (-CORNER[0], CORNER[1]))[0]
            for points in (someone.head.points, someone.head.points + shift)
        )
        narrower.append(100 * (1 - tight / rest))
    within(narrower, 5, 10)


def red_of_lips(someone: Person, points: Field) -> float:
    """Area of the lips' red between the mouth's corners, mm²: from its edges, wherever they have gone."""
    total = 0.0
    for x in np.arange(-18.0, 19.0, 3.0):
        upper_edge, lower_edge = (float(edge) for edge in lip_edges(np.array(abs(x)), someone.who))
        upper = at(someone, points, (x, upper_edge))[1] - at(someone, points, (x, MOUTH_Y))[1]
        lower = at(someone, points, (x, MOUTH_Y), lower=True)[1] - at(someone, points, (x, lower_edge))[1]
        total += 3.0 * (upper + lower)
    return total


@pytest.mark.parametrize(("action", "low", "high"), [(23, 28, 50), (24, 10, 30)])
def test_tightened_and_pressed_lips_are_thinner(action: int, low: float, high: float) -> None:
    thinner = []
    for seed in SEEDS:
        someone = person(seed)
        rest = red_of_lips(someone, someone.head.points)
        tight = red_of_lips(someone, someone.head.points + moved(someone, {action: 1.0}))
        thinner.append(100 * (1 - tight / rest))
    within(thinner, low, high)


def test_a_dropped_jaw_parts_the_lips_and_leaves_the_upper_one() -> None:
    for seed in SEEDS:
        upper = goes(seed, 26, (0.0, MOUTH_Y))
        lower = goes(seed, 26, (0.0, MOUTH_Y), lower=True)
        assert 6 < upper[1] - lower[1] < 20
        assert abs(upper[1]) < 1
        assert abs(goes(seed, 26, (0.0, -40.0))[1]) < 0.3, "the nose stays"


def test_upper_lids_are_raised_and_show_more_of_the_eye() -> None:
    within([lids(seed, eye(seed, {5: 1.0})[0])[0] - lids(seed, EyeState())[0] for seed in SEEDS], 1, 3)


def test_the_lower_lid_comes_up_with_the_cheek() -> None:
    within([lids(seed, eye(seed, {6: 1.0})[0])[1] - lids(seed, EyeState())[1] for seed in SEEDS], 1, 2)


def test_a_drooping_lid_comes_down_a_part_of_the_way() -> None:
    for seed in SEEDS:
        upper, lower = lids(seed, EyeState())
        for strength in (WEAKEST, 0.8, STRONGEST):
            drooped, _ = lids(seed, eye(seed, {43: extent(41, strength)})[0])
            # 20 to 50 % of an aperture of 9 to 11 mm; the lids meet a little above where the lower one rests.
            assert 0.17 < (upper - drooped) / (upper - lower) < 0.5
            assert 1.5 < upper - drooped < 5.2


def test_closing_eyes_take_the_upper_lid_all_the_way() -> None:
    ways = []
    for seed in SEEDS:
        upper, lower = lids(seed, EyeState())
        shut, under = lids(seed, eye(seed, {43: 1.0})[0])
        assert shut == pytest.approx(under)
        assert under - lower < 1.2, "the lower lid stays"
        ways.append(upper - shut)
    within(ways, 7.8, 11)


def test_eyes_that_close_are_closed_whatever_else_the_lids_do() -> None:
    for seed in SEEDS:
        upper, lower = lids(seed, eye(seed, {43: 1.0, 5: 1.0, 6: 1.0, 7: 1.0})[0])
        assert upper - lower == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("au", "low", "high"), [(61, 3, 7), (63, 3, 5.5), (64, 4, 7)])
def test_the_iris_goes_as_far_as_the_notes_say(au: int, low: float, high: float) -> None:
    within([iris_shift(extent(au, strength)) for strength in (WEAKEST, 0.8, STRONGEST)], low, high)


def test_both_eyes_look_to_the_same_side() -> None:
    left, right = eye(3, {}, gaze=(20.0, 10.0))
    # Each eye's own x goes towards its temple.
    assert left.gaze_x == pytest.approx(-right.gaze_x)
    assert left.gaze_x > 3
    assert left.gaze_y == right.gaze_y > 1.5


@pytest.mark.parametrize(
    ("head", "place", "axis"),
    [((30.0, 0.0, 0.0), (0.0, 0.0, 100.0), 0), ((0.0, 20.0, 0.0), (0.0, 0.0, 100.0), 1),
     ((0.0, 0.0, 15.0), (0.0, 100.0, 0.0), 0)],
    ids=["yaw takes the nose to the left", "pitch takes it up", "roll takes the crown to the left"],
)  # fmt: skip
def test_heads_turn_by_the_angle_that_is_said(
    head: tuple[float, float, float], place: tuple[float, float, float], axis: int
) -> None:
    turned = rotation_of(head) @ np.array(place)
    assert turned[axis] == pytest.approx(100.0 * np.sin(np.radians(max(head))))
    assert np.linalg.norm(turned) == pytest.approx(100.0)


@pytest.mark.parametrize("head", [(55.0, 12.0, -6.0), (-20.0, -30.0, 4.0)])
def test_a_head_is_rigid_and_turns_about_the_neck(head: tuple[float, float, float]) -> None:
    rotation = rotation_of(head)
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert PIVOT[1] < person(1).head.points[..., 1].min() * 0.7, "below the face"


@pytest.mark.parametrize("action", MUSCLES)
def test_each_half_moves_alone(action: int) -> None:
    someone = person(5)
    x = someone.head.base[..., 0]
    for side, sign in ((0, 1.0), (1, -1.0)):
        shift = np.linalg.norm(moved(someone, {action: 1.0}, (side,)), axis=-1)
        assert shift[sign * x < -8].max() == 0.0
        assert shift[sign * x > 8].max() > 0.5 * shift.max()


@pytest.mark.parametrize("action", MUSCLES)
def test_both_halves_are_mirrored(action: int) -> None:
    someone = person(6)
    left, right = moved(someone, {action: 1.0}, (0,)), moved(someone, {action: 1.0}, (1,))
    assert right[:, ::-1] * (-1, 1, 1) == pytest.approx(left, abs=2e-3)


@pytest.mark.parametrize("action", MUSCLES)
def test_what_an_action_does_ends_softly(action: int) -> None:
    """Beside what moves most the skin follows: no point is torn from its neighbour."""
    someone = person(7)
    head = someone.head
    shift = moved(someone, {action: 1.0})
    front = head.base[..., 2] > 10
    for axis in (0, 1):
        ways = np.linalg.norm(np.diff(shift, axis=axis), axis=-1)
        lengths = np.linalg.norm(np.diff(head.points, axis=axis), axis=-1)
        steady = np.take(front, range(1, front.shape[axis]), axis) & (lengths > 0.5)
        if axis == 0:
            steady[head.cut] = False
        assert (ways[steady] / lengths[steady]).max() < 0.95


COMBINATIONS = [
    *({action: STRONGEST} for action in MUSCLES),
    {12: 1.2, 6: 1.2, 25: 0.5}, {17: 1.2, 15: 1.2}, {24: 1.2, 17: 0.6}, {26: 1.2, 25: 1.2},
    {9: 1.2, 4: 1.0, 10: 0.8}, {1: 1.2, 2: 1.2, 5: 1.2}, {1: 1.0, 4: 1.2},
]  # fmt: skip


@pytest.mark.parametrize("strengths", COMBINATIONS, ids=lambda one: "+".join(map(str, one)))
def test_the_surface_never_folds_and_lips_never_cross(strengths: dict[int, float]) -> None:
    for seed in (1, 2, 9):
        head = person(seed).head
        points = head.points + moved(person(seed), strengths)
        assert (points[head.cut] - points[head.cut + 1])[:, 1].min() > -1e-4
        rest, now = (_areas(one.reshape(-1, 3), head.triangles) for one in (head.points, points))
        columns = head.points.shape[1] - 1
        rows = np.arange(len(head.triangles)) // (2 * columns)
        surface = (rows != head.cut) & (np.linalg.norm(rest, axis=1) > 0.2)
        assert ((rest * now).sum(1)[surface] > 0).all()


def _areas(points: Field, triangles: NDArray[np.int32]) -> Field:
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


@pytest.mark.parametrize("action", MUSCLES)
def test_cameras_see_the_same_movement(action: int) -> None:
    """Cameras that see a person as a coarser grid see it move as far."""
    fine, coarse = person(4), person(4, 2.0)
    shift = moved(fine, {action: 1.0})
    row, column = np.unravel_index(np.argmax(np.linalg.norm(shift, axis=-1)), shift.shape[:2])
    x, y, _ = fine.head.base[row, column]
    lower = bool(row > fine.head.cut)
    one, other = (
        at(someone, moved(someone, {action: 1.0}), (x, y), lower=lower) for someone in (fine, coarse)
    )
    assert np.linalg.norm(one - other) < 0.35


def test_faces_differ_in_how_far_they_move() -> None:
    ways = [goes(seed, 12, CORNER)[1] for seed in SEEDS]
    assert max(ways) > 1.3 * min(ways)


def test_every_action_unit_is_one_that_this_file_measures() -> None:
    heads, gazes, lids_only = {51, 52, 53, 54}, {61, 62, 63, 64}, {5, 41, 43, 45}
    assert set(AU_NUMBERS) == {2, 4, 6, 9, 12, 15, 17, 23, 26} | heads | gazes | lids_only
