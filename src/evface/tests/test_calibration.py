"""Calibration against rendered boards of known truth: lenses with distortion, cameras that are turned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from evface.calibration import (
    Board,
    CalibratedCamera,
    Calibration,
    Lens,
    Pose,
    copy_calibration,
    lens_for,
    read_calibration,
    read_camera_info,
    write_camera_info,
)
from evface.calibration.blinking import board_picture, find_blinks
from evface.calibration.collecting import PERIODS, Collector, Stretch
from evface.calibration.corners import find_corners
from evface.calibration.coverage import is_new, missing
from evface.calibration.mapping import BoxMapping
from evface.calibration.picture import draw, lines_of
from evface.calibration.session import CalibrationSession
from evface.calibration.solving import CameraFit, calibration_of, solve
from evface.calibration.views import View, ViewFile
from evface.dataset.boxes import Box
from evface.errors import ConfigError, DatasetError, FormatError, GeometryError
from evface.events import Events
from evface.simulation.board import RISE, BoardScene, held_into, outline
from evface.simulation.scene import to_grey
from evface.simulation.sensor.pixels import make_sensor

BOARD = Board(columns=9, rows=6, square=20.0)
STRETCH = PERIODS * BOARD.period * 1000
EVENTS = "davis346 events"
"""The DAVIS346 once more, by its events."""

TRUTH = {
    "davis346": (
        Lens(346, 260, (651.0, 650.0), (172.0, 131.0), (-0.25, 0.3, 0.001, -0.0005, 0.0)),
        Pose.none(),
    ),
    "evk4": (
        Lens(1280, 720, (1650.0, 1652.0), (648.0, 352.0), (-0.1, 0.05, 0.0003, 0.0005, 0.0)),
        Pose(np.radians([2.0, -3.5, 0.7]), np.array([44.0, 3.0, -5.0])),
    ),
    "webcam": (
        Lens(1280, 720, (915.0, 914.0), (640.0, 365.0), (0.05, -0.1, 0.0, -0.0005, 0.0)),
        Pose(np.radians([-4.0, 0.5, 1.7]), np.array([-2.0, 56.0, 8.0])),
    ),
}
TRUTH[EVENTS] = TRUTH["davis346"]
SIZES = {camera: (lens.width, lens.height) for camera, (lens, _) in TRUTH.items()}


def places(count: int, seed: int = 3) -> list[Pose]:
    rng = np.random.default_rng(seed)
    return [held_into(TRUTH[("davis346", "evk4")[k % 2]], BOARD, rng) for k in range(count)]


def scene(camera: str, *way: Pose) -> BoardScene:
    """A board that is at one place, or jumps to the next one after each stretch."""
    return BoardScene(
        lambda width, height: TRUTH[camera], lambda time: way[min(time // STRETCH, len(way) - 1)], BOARD
    )


def true_corners(camera: str, pose: Pose) -> NDArray[np.float64] | None:
    """None where the camera does not see the whole screen."""
    lens, from_rig = TRUTH[camera]
    seen = lens.project(from_rig.after(pose).apply(outline(BOARD)))
    inside = (seen > 1.0).all() and (seen < np.array([lens.width, lens.height]) - 2.0).all()
    return lens.project(from_rig.after(pose).apply(BOARD.corners())) if inside else None


def frame(camera: str, pose: Pose, seed: int = 0) -> NDArray[np.uint8]:
    """A grey frame of the board, with noise."""
    time = BOARD.period * 750
    picture = to_grey(scene(camera, pose).render(time, *SIZES[camera])).astype(float)
    noise = np.random.default_rng(seed).normal(0.0, 2.0, picture.shape)
    return np.asarray((picture + noise).clip(0, 255), np.uint8)


def events(camera: str, pixels: str, *way: Pose) -> Events:
    """What an event camera sees of the blinking board, a stretch at each place."""
    looked_at, half = scene(camera, *way), BOARD.period * 500
    sensor = make_sensor(*SIZES[camera], pixels, lux=500.0, seed=1)
    moments = sorted(
        {
            begin + at
            for begin in range(0, len(way) * STRETCH, half)
            for at in (0, RISE // 2, RISE, half - RISE)
        }
    )
    return Events.concatenate(
        [sensor.step(looked_at.render(time, *SIZES[camera]), time // 1000) for time in moments]
    )


@pytest.fixture(scope="module")
def views() -> list[View]:
    """Twelve views: the DAVIS346 by frames and by events, the EVK4 by events, the webcam by frames."""
    found = []
    for k, pose in enumerate(places(12)):
        corners = {}
        for camera in TRUTH:
            if true_corners(camera, pose) is None:
                continue
            if camera in ("evk4", EVENTS):
                picture = board_picture(events(camera, camera.split()[0], pose), BOARD)
            else:
                picture = frame(camera, pose, seed=k)
            assert picture is not None, (camera, k)
            seen = find_corners(picture, BOARD)
            assert seen is not None, (camera, k)
            corners[camera] = seen
        found.append(View(k, corners))
    return found


@pytest.fixture(scope="module")
def fits(views: list[View]) -> dict[str, CameraFit]:
    return solve(views, BOARD, SIZES)


@pytest.mark.parametrize(
    ("camera", "bound"), [("davis346", 0.15), ("webcam", 0.15), ("evk4", 0.15), (EVENTS, 0.25)]
)
def test_corners_are_found_to_a_fraction_of_a_pixel(views: list[View], camera: str, bound: float) -> None:
    errors = []
    for view, pose in zip(views, places(12), strict=True):
        true = true_corners(camera, pose)
        assert (true is not None) == (camera in view.corners)
        if true is not None:
            errors.append(view.corners[camera] - true)
    assert len(errors) >= 5
    assert np.sqrt((np.concatenate(errors) ** 2).sum(1).mean()) < bound


@pytest.mark.parametrize(
    ("camera", "rms"), [("davis346", 0.3), ("webcam", 0.3), ("evk4", 0.5), (EVENTS, 0.5)]
)
def test_a_lens_is_recovered_within_its_stated_uncertainty(
    fits: dict[str, CameraFit], camera: str, rms: float
) -> None:
    fit, (lens, _) = fits[camera], TRUTH[camera]
    assert fit.rms < rms
    off = np.subtract([*fit.lens.focal, *fit.lens.centre], [*lens.focal, *lens.centre])
    assert (np.abs(off) < 4.0 * fit.lens_sigma[:4]).all(), (off, fit.lens_sigma)
    assert (np.abs(off[:2]) < 0.01 * lens.focal[0]).all()
    # Where it matters, all over the picture, the lens bends light as the true one does.
    grid = np.stack(np.meshgrid(*(np.linspace(0.15, 0.85, 7) * size for size in SIZES[camera])), -1).reshape(
        -1, 2
    )
    turned = fit.lens.rays(grid) - lens.rays(grid)
    assert np.degrees(np.std(turned[:, :2], axis=0)).max() < 0.05


@pytest.mark.parametrize("camera", ["evk4", "webcam", EVENTS])
def test_where_cameras_are_is_recovered(fits: dict[str, CameraFit], camera: str) -> None:
    fit, (_, pose) = fits[camera], TRUTH[camera]
    off = np.array([*np.degrees(fit.pose.rotation - pose.rotation), *(fit.pose.shift - pose.shift)])
    assert (np.abs(off) < 4.0 * fit.pose_sigma).all(), (off, fit.pose_sigma)
    assert (np.abs(off[:3]) < 0.6).all(), off
    assert (np.abs(off[3:]) < (1.0, 1.0, 5.0)).all(), off


def true_calibration() -> Calibration:
    return Calibration(
        "davis346", {name: CalibratedCamera(*TRUTH[name]) for name in ("davis346", "evk4", "webcam")}
    )


@pytest.mark.parametrize(
    ("source", "target"), [("webcam", "evk4"), ("davis346", "evk4"), ("webcam", "davis346")]
)
def test_a_face_box_comes_to_another_sensor_as_the_true_cameras_take_it(
    fits: dict[str, CameraFit], source: str, target: str
) -> None:
    found = BoxMapping(calibration_of(fits), source, target)
    true = BoxMapping(true_calibration(), source, target)
    width, height = SIZES[source]
    face = Box(0.42 * width, 0.36 * height, 0.2 * width, 0.2 * width, 0.9)
    mapped, wanted = found.box(face), true.box(face)
    assert np.abs(np.subtract(mapped.box.as_tuple(), wanted.box.as_tuple())).max() < 0.004 * SIZES[target][0]
    # Nearer or farther than assumed, the box is off by what was said.
    for distance in (740.0, 860.0):
        really = BoxMapping(true_calibration(), source, target, distance).box(face)
        middle = np.array([[mapped.box.x, mapped.box.y], [really.box.x, really.box.y]])
        middle += np.array([[mapped.box.width], [really.box.width]]) / 2
        assert np.linalg.norm(middle[1] - middle[0]) < 2.0 * mapped.error


def test_a_view_of_a_board_that_was_moved_is_left_out_and_said(views: list[View]) -> None:
    wrong = View(
        views[0].time,
        {name: at + np.array([0.0, 8.0 * (k % 2)]) for k, (name, at) in enumerate(views[0].corners.items())},
    )
    spoilt = [wrong, *views[1:]]
    fits = solve(spoilt, BOARD, SIZES)
    assert all(fit.left_out == (0,) for fit in fits.values())
    assert all(fit.rms < 0.5 for fit in fits.values())


def test_the_report_is_a_picture_and_lines(
    fits: dict[str, CameraFit], views: list[View], tmp_path: Path
) -> None:
    draw(fits, views, tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes()[:4] == b"\x89PNG"
    lines = "\n".join(lines_of(fits))
    assert all(f"{camera}: " in lines for camera in fits)
    assert "±" in lines


def test_cameras_that_never_saw_the_board_together_are_named(views: list[View]) -> None:
    apart = [View(view.time, {"evk4": view.corners["evk4"]}) for view in views if "evk4" in view.corners]
    apart += [
        View(view.time, {"davis346": view.corners["davis346"]})
        for view in views
        if "davis346" in view.corners
    ]
    with pytest.raises(DatasetError, match="evk4: no view of the board in common with davis346"):
        solve(apart, BOARD, {camera: SIZES[camera] for camera in ("davis346", "evk4")})


def test_too_few_views_are_refused(views: list[View]) -> None:
    with pytest.raises(DatasetError, match="davis346: 1 views"):
        solve(views[:1], BOARD, {"davis346": SIZES["davis346"]})


# --- corners and blinks ----------------------------------------------------------------------------


def test_a_board_upside_down_is_told_from_one_that_stands() -> None:
    picture = frame("webcam", places(1)[0])
    upright, turned = (
        find_corners(picture, BOARD),
        find_corners(np.ascontiguousarray(picture[::-1, ::-1]), BOARD),
    )
    assert upright is not None
    assert turned is not None
    height, width = picture.shape
    assert np.abs((width - 1, height - 1) - turned - upright).max() < 0.5


def test_no_board_is_found_where_there_is_none() -> None:
    assert find_corners(np.full((260, 346), 128, np.uint8), BOARD) is None
    assert board_picture(Events.empty(346, 260), BOARD) is None
    noise = np.random.default_rng(0)
    x, y, p, t = (noise.integers(0, top, 50_000) for top in (346, 260, 2, 1_200_000))
    random = Events(x.astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), np.sort(t), 346, 260)
    picture = board_picture(random, BOARD)
    assert picture is None or find_corners(picture, BOARD) is None


def test_every_blink_is_found_with_its_direction() -> None:
    blinks = find_blinks(events("davis346", "davis346", places(1)[0]), BOARD)
    half = BOARD.period // 2
    true = half * np.arange(1, 2 * PERIODS)
    assert np.abs(blinks[:, 0] - true).max() < 20_000
    assert (np.diff(blinks[:, 1]) != 0).all()
    assert len(blinks) == 2 * PERIODS - 1


# --- collecting ------------------------------------------------------------------------------------


def fed(way: list[Pose]) -> Collector:
    """A collector that a DAVIS346's events and a webcam's frames are fed to."""
    collector = Collector(BOARD, {"davis346": SIZES["davis346"], "webcam": SIZES["webcam"]})
    seen, looked_at = events("davis346", "davis346", *way), scene("webcam", *way)
    for begin in range(0, len(way) * STRETCH, 10_000_000):
        lo, hi = np.searchsorted(seen.t, [begin // 1000, begin // 1000 + 10_000])
        collector.add_events("davis346", begin, seen[int(lo) : int(hi)])
        if begin % 40_000_000 == 0:
            picture = looked_at.render(begin, *SIZES["webcam"])
            collector.add_frame("webcam", begin, lambda picture=picture: to_grey(picture))  # type: ignore[misc]
    return collector


def still() -> Pose:
    return next(pose for pose in places(12) if true_corners("davis346", pose) is not None)


def test_a_board_that_is_held_still_becomes_a_view_of_all_cameras() -> None:
    pose = still()
    stretch = fed([pose]).look()
    assert stretch is not None
    assert stretch.sights == {"davis346": "seen", "webcam": "seen"}
    assert stretch.view is not None
    for camera, corners in stretch.view.corners.items():
        true = true_corners(camera, pose)
        assert true is not None
        assert np.sqrt(((corners - true) ** 2).mean()) < 0.2


def test_a_board_that_moves_becomes_no_view() -> None:
    pose = still()
    moved = Pose(pose.rotation, pose.shift + np.array([6.0, 0.0, 0.0]))
    collector = Collector(BOARD, {"davis346": SIZES["davis346"]})
    for begin in range(0, STRETCH + 1, 20_000_000):
        shown = moved if begin > STRETCH // 2 else pose
        picture = scene("davis346", shown).render(begin, *SIZES["davis346"])
        collector.add_frame("davis346", begin, lambda picture=picture: to_grey(picture))  # type: ignore[misc]
    stretch = collector.look()
    assert stretch is not None
    assert stretch.sights == {"davis346": "moved"}
    assert stretch.view is None


def test_nothing_is_looked_at_before_every_camera_is_heard() -> None:
    collector = Collector(BOARD, {"davis346": SIZES["davis346"], "evk4": SIZES["evk4"]})
    collector.add_events("evk4", 10**9, Events.empty(*SIZES["evk4"]))
    assert collector.look() is None


def test_what_is_missing_is_said_and_a_known_view_is_not_new(views: list[View]) -> None:
    size = SIZES["davis346"]
    assert missing([], "davis346", size, BOARD, 8, others=True)[:2] == [
        "8 more views", "4 more together with another camera"
    ]  # fmt: skip
    assert not any("more" in lack for lack in missing(views, "davis346", size, BOARD, 5, others=True))
    assert not is_new(views[3], views, SIZES)
    assert is_new(views[3], views[:3], SIZES)


def test_the_person_who_moves_the_board_is_told_once(views: list[View], tmp_path: Path) -> None:
    session = CalibrationSession(tmp_path, BOARD, SIZES)
    assert session.offer(Stretch({"evk4": "silent"}, None)) == "nothing comes from evk4"
    assert session.offer(Stretch({"evk4": "moved"}, None)) == "hold the board still"
    assert session.offer(Stretch({"evk4": "moved"}, None)) == ""
    assert session.offer(Stretch({"evk4": "no board"}, None)) == "the whole board is in nobody's picture"
    assert session.offer(Stretch({"evk4": "seen"}, views[0])).startswith("view 1 (")
    assert session.offer(Stretch({"evk4": "seen"}, views[0])) == "seen here already: move the board on"
    assert [view.time for view in CalibrationSession.found_in(tmp_path).views] == [views[0].time]
    with pytest.raises(ConfigError, match="no views"):
        CalibrationSession.found_in(tmp_path / "elsewhere")


# --- files -----------------------------------------------------------------------------------------


def test_an_interrupted_calibration_goes_on_where_it_was(views: list[View], tmp_path: Path) -> None:
    path = tmp_path / "views.jsonl"
    file = ViewFile(path, BOARD, SIZES)
    for view in views[:3]:
        file.add(view)
    with path.open("a") as broken:
        broken.write('{"time": 3, "corn')
    again = ViewFile(path, BOARD, SIZES)
    assert [view.time for view in again.views] == [0, 1, 2]
    for camera, corners in views[2].corners.items():
        assert np.abs(again.views[2].corners[camera] - corners).max() < 1e-3
    again.add(views[3])
    assert [view.time for view in ViewFile(path, BOARD, SIZES).views] == [0, 1, 2, 3]
    with pytest.raises(FormatError, match="another board"):
        ViewFile(path, Board(square=21.0), SIZES)


number = st.floats(-0.9, 0.9, allow_nan=False)
lenses = st.builds(
    Lens,
    st.integers(16, 4096), st.integers(16, 4096),
    st.tuples(st.floats(10.0, 5000.0), st.floats(10.0, 5000.0)),
    st.tuples(st.floats(-100.0, 5000.0), st.floats(-100.0, 5000.0)),
    st.tuples(number, number, number, number, number),
)  # fmt: skip


@given(lens=lenses)
@settings(max_examples=60, deadline=None)
def test_a_lens_comes_back_from_its_file_as_it_was(
    lens: Lens, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("info") / "webcam.yaml"
    write_camera_info(path, "webcam", lens)
    assert read_camera_info(path) == lens


def test_a_file_as_ros_writes_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "head_camera.yaml"
    path.write_text(
        "image_width: 640\nimage_height: 480\ncamera_name: head_camera\n"
        "camera_matrix:\n  rows: 3\n  cols: 3\n  data: [530.25, 0., 321.5, 0., 531., 242.5, 0., 0., 1.]\n"
        "distortion_model: plumb_bob\n"
        "distortion_coefficients:\n  rows: 1\n  cols: 5\n  data: [0.05, -0.12, 0.001, 0., 0.]\n"
        "rectification_matrix:\n  rows: 3\n  cols: 3\n  data: [1., 0., 0., 0., 1., 0., 0., 0., 1.]\n"
        "projection_matrix:\n  rows: 3\n  cols: 4\n"
        "  data: [532., 0., 321., 0., 0., 534., 243., 0., 0., 0., 1., 0.]\n"
    )
    lens = read_camera_info(path)
    assert (lens.focal, lens.centre) == ((530.25, 531.0), (321.5, 242.5))
    assert lens.distortion == (0.05, -0.12, 0.001, 0.0, 0.0)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rows: 1", "rows: 2", "distortion_coefficients: expected 2 x 5 numbers, found 5"),
        ("plumb_bob", "equidistant", "distortion_model"),
        ("image_width: 346", "image_width: 0", "image_width"),
        ("camera_matrix", "matrix_of_camera", "camera_matrix: missing"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "davis346.yaml"
    write_camera_info(path, "davis346", TRUTH["davis346"][0])
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigError) as error:
        read_camera_info(path)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_a_calibration_for_another_size_is_refused(tmp_path: Path) -> None:
    true_calibration().write(tmp_path)
    assert lens_for(tmp_path, "webcam", 1280, 720) == TRUTH["webcam"][0]
    with pytest.raises(GeometryError, match="calibrated for 1280x720 px, but webcam delivers 1920x1080 px"):
        lens_for(tmp_path, "webcam", 1920, 1080)
    with pytest.raises(ConfigError, match=r"ir\.yaml"):
        lens_for(tmp_path, "ir", 640, 480)


def test_a_rigs_calibration_comes_back_and_is_copied_whole(tmp_path: Path) -> None:
    true_calibration().write(tmp_path / "rig")
    copy_calibration(tmp_path / "rig", tmp_path / "calib")
    copy_calibration(tmp_path / "rig", tmp_path / "calib")
    found = read_calibration(tmp_path / "calib")
    assert found.reference == "davis346"
    for name, (lens, pose) in ((name, TRUTH[name]) for name in found.cameras):
        assert found.camera(name).lens == lens
        assert found.camera(name).pose.rotation == pytest.approx(pose.rotation)
        assert found.camera(name).pose.shift == pytest.approx(pose.shift)
    with pytest.raises(ConfigError, match="no camera 'ir'"):
        found.camera("ir")
    with pytest.raises(ConfigError, match="cannot be copied"):
        copy_calibration(tmp_path / "nowhere", tmp_path / "other")


boxes = st.builds(
    Box, st.floats(300.0, 700.0), st.floats(100.0, 300.0), st.floats(80.0, 300.0), st.floats(80.0, 300.0)
)


@given(box=boxes, distance=st.floats(500.0, 1500.0))
@settings(max_examples=50, deadline=None)
def test_a_box_mapped_to_its_own_camera_stays(box: Box, distance: float) -> None:
    mapped = BoxMapping(true_calibration(), "webcam", "webcam", distance).box(box)
    assert mapped.box.as_tuple() == pytest.approx(box.as_tuple(), abs=1e-3)
    assert mapped.error == pytest.approx(0.0, abs=1e-3)


@given(box=boxes, distance=st.floats(500.0, 1500.0))
@settings(max_examples=50, deadline=None)
def test_a_point_mapped_there_and_back_returns_and_errors_grow_with_doubt(box: Box, distance: float) -> None:
    """Between parallel cameras a plane of one is a plane of the other, at the same distance."""
    lenses_of = {name: TRUTH[name][0] for name in ("webcam", "evk4")}
    rig = Calibration(
        "webcam",
        {
            "webcam": CalibratedCamera(lenses_of["webcam"], Pose.none()),
            "evk4": CalibratedCamera(lenses_of["evk4"], Pose(np.zeros(3), np.array([45.0, -55.0, 0.0]))),
        },
    )
    places = np.array([[box.x, box.y], [box.x + box.width, box.y + box.height]])
    there = BoxMapping(rig, "webcam", "evk4", distance).points(places)
    assert BoxMapping(rig, "evk4", "webcam", distance).points(there) == pytest.approx(places, abs=1e-3)
    errors = [
        BoxMapping(rig, "webcam", "evk4", distance, sigma).box(box).error for sigma in (0.0, 20.0, 100.0)
    ]
    assert errors[0] == pytest.approx(0.0)
    assert errors[0] < errors[1] < errors[2]


def test_a_distance_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="distance above 0"):
        BoxMapping(true_calibration(), "webcam", "evk4", 0.0)
