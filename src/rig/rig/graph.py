"""The one description of which nodes run with which parameters.

Both starters read it: the launch files in launch/ hand it to launch_ros, the `rig` command starts the
same executables itself where ROS 2's launch is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from evface.calibration import read_calibration
from evface.cameras import options_of
from evface.errors import ConfigError
from evface.privacy import SCOPES, refuse_withdrawn
from evface.protocol import (
    Script,
    action_unit,
    clip_folder,
    last_words,
    load_script,
    session_folder,
    unfinished,
)
from evface.validation import read_yaml
from rig.errors import GraphError
from rig.resources import config_file, config_or_path

ParameterValue = bool | int | float | str | list[str] | list[float] | list[int]

CAMERAS = ("davis346", "evk4", "webcam")


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One process of the rig.

    Attributes:
        name: of the node and of its executable in the package `rig`.
        parameters: for the node, by name.
        required: the graph goes down when this process ends; the graph's exit code is the first such one's.
        patience: s that it has to end when asked to; a recorder brings its take to the disk in that time.
    """

    name: str
    parameters: dict[str, ParameterValue] = field(default_factory=dict)
    required: bool = True
    patience: float = 20.0


@dataclass(frozen=True, slots=True)
class Graph:
    """Processes that run together.

    Attributes:
        nodes: in the order of their start.
        title: what a person reads when it starts.
    """

    nodes: tuple[NodeSpec, ...]
    title: str

    def with_parameters(self, overrides: dict[str, dict[str, ParameterValue]]) -> Graph:
        """The same graph with some nodes' parameters replaced.

        Raises:
            ConfigError: an override names a node that is not in the graph.
        """
        names = {node.name for node in self.nodes}
        for name in overrides:
            if name not in names:
                raise ConfigError(f"no node {name!r} in this graph; there are: {', '.join(sorted(names))}")
        nodes = tuple(
            replace(node, parameters=node.parameters | overrides.get(node.name, {})) for node in self.nodes
        )
        return Graph(nodes, self.title)


class RecordOptions(BaseModel):
    """What a person says to record a session; the launch file's arguments are these."""

    rig: str = Field(default="live", description="live, virtual, file, or the path of a rig's YAML file")
    subject: str = Field(default="S01", description="pseudonym of the subject", pattern=r"^[A-Za-z0-9]+$")
    session: str = Field(default="", description="session label; empty: the next free number")
    script: str = Field(
        default="default", description="protocol script: default, fast, or a YAML file's path"
    )
    aus: str = Field(
        default="", description="FACS numbers to elicit, such as 12,45,51; empty: the script's own"
    )
    cameras: str = Field(
        default="", description="cameras to use, such as davis346,webcam; empty: the rig's own"
    )
    language: str = Field(
        default="en", description="of what the subject reads: en, es", pattern=r"^[a-z]{2}$"
    )
    main_only: bool = Field(
        default=False, description="the main run alone: no familiarisation, no rehearsal (headless: always)"
    )
    consent: str = Field(
        default="",
        description="scopes consented to on paper, such as research,sharing; empty: the session asks",
    )
    resume: bool = Field(
        default=False, description="take the session up again that was left unfinished, with its own script"
    )
    headless: bool = Field(
        default=False, description="start by itself when every sensor is heard, end when done"
    )
    out: str = Field(default="recordings", description="folder of the recordings")
    calibration: str = Field(
        default="", description="folder of the cameras' calibration; empty: the rig's own"
    )


class CalibrateOptions(BaseModel):
    """What a person says to calibrate the cameras."""

    rig: str = Field(default="live", description="live, virtual, file, or the path of a rig's YAML file")
    cameras: str = Field(
        default="", description="cameras to calibrate, such as davis346,webcam; empty: the rig's own"
    )
    davis: Literal["frames", "events"] = Field(
        default="frames", description="what the DAVIS346 is calibrated by"
    )
    views: int = Field(default=12, ge=4, le=200, description="views of each camera")


class LiveOptions(BaseModel):
    """What a person says to watch Action Units live."""

    checkpoint: str = Field(default="", description="trained model, a .safetensors file")
    rig: str = Field(default="live", description="live, virtual, file, or the path of a rig's YAML file")
    sensor: Literal["davis346", "evk4"] = Field(
        default="davis346", description="event camera to recognise from"
    )
    cameras: str = Field(
        default="", description="cameras to start; empty: the sensor alone; none: they run already"
    )
    box: str = Field(
        default="", description="fixed face box x,y,width,height in px; empty: the face is tracked"
    )
    calibration: str = Field(
        default="", description="folder of the cameras' calibration: the EVK4's box then comes from frames"
    )
    reconstruction: str = Field(
        default="",
        description="model of `rig train reconstruction`: pictures of the face on /reconstruction/image",
    )


class ReplayOptions(BaseModel):
    """What a person says to feed a recorded take to the live graph."""

    bag: str = Field(default="", description="folder of a take (rosbag2)")
    checkpoint: str = Field(default="", description="trained model, a .safetensors file")
    sensor: Literal["davis346", "evk4"] = Field(
        default="davis346", description="event camera to recognise from"
    )
    box: str = Field(
        default="", description="fixed face box x,y,width,height in px; empty: the face is tracked"
    )
    calibration: str = Field(
        default="", description="folder of the cameras' calibration: the EVK4's box then comes from frames"
    )
    reconstruction: str = Field(
        default="",
        description="model of `rig train reconstruction`: pictures of the face on /reconstruction/image",
    )
    rate: float = Field(default=1.0, description="speed of the replay", ge=0.05, le=20.0)


def load_rig(name: str) -> dict[str, dict[str, ParameterValue]]:
    """A rig's cameras and their parameters, from config/rigs/NAME.yaml or a file of the user's.

    Raises:
        ConfigError: the file is not a mapping of cameras to parameters.
        GraphError: there is no such rig.
    """
    path = config_or_path("rigs", name)
    found = read_yaml(path)
    if not all(isinstance(entry, dict) for entry in found.values()):
        raise ConfigError(f"{path}: expected a mapping of cameras to their parameters")
    for camera in found:
        if camera not in CAMERAS:
            raise ConfigError(f"{path}: unknown camera {camera!r}; there are: {', '.join(CAMERAS)}")
    return found


def record_graph(options: RecordOptions) -> Graph:
    """Cameras, conductor and recorder of a recording session.

    Raises:
        ConfigError: an option or a configuration file is wrong.
        GraphError: the rig or the script does not exist, there is nothing to resume, or nobody can consent.
        PrivacyError: the subject's recordings were withdrawn.
    """
    cameras = _cameras(options.rig, options.cameras, options.calibration)
    script = config_or_path("protocol", options.script)
    aus = [action_unit(number).number for number in numbers(options.aus, "aus")]
    out = Path(options.out).expanduser().resolve()
    refuse_withdrawn(out, options.subject)
    virtual = all(parameters.get("source") in ("virtual", "file") for parameters in cameras.values())
    conductor: dict[str, ParameterValue] = {
        "script": str(script),
        "language": options.language,
        "subject": options.subject,
        "session": _session(out, options),
        "output": str(out),
        "main_only": options.main_only or options.headless,
        "consent": _consent(options, virtual=virtual),
        "virtual": virtual,
        "resume": options.resume,
        "headless": options.headless,
    }
    if aus:
        conductor["aus"] = aus
    recorder: dict[str, ParameterValue] = {"cameras": list(cameras), "resume": options.resume}
    if any(parameters.get("start") == "take" for parameters in cameras.values()):
        # A file that waits for its take is silent until then: its node's camera_info says that it is there.
        recorder["required_topics"] = [f"/{camera}/camera_info" for camera in cameras]
    nodes = [
        _quality_monitor(cameras, out),
        NodeSpec("recorder", recorder),
        *(NodeSpec(camera, parameters) for camera, parameters in cameras.items()),
        NodeSpec("conductor", conductor),
        NodeSpec("sync_monitor", {"cameras": list(cameras)}, required=False),
    ]
    if not options.headless:
        # A session outlives its pages.
        clips = str(clip_folder(session_script(options)))
        nodes.append(NodeSpec("console", {"cameras": list(cameras), "clips": clips}, required=False))
    return Graph(tuple(nodes), f"recording {options.subject}, session {conductor['session']}, to {out}")


def preflight_graph(options: RecordOptions) -> Graph:
    """The cameras of a recording session and the quality monitor that looks at them; nothing is recorded.

    Raises:
        ConfigError: an option or a configuration file is wrong.
        GraphError: the rig does not exist.
    """
    cameras = _cameras(options.rig, options.cameras)
    out = Path(options.out).expanduser().resolve()
    nodes = [
        _quality_monitor(cameras, out),
        *(NodeSpec(camera, parameters) for camera, parameters in cameras.items()),
    ]
    return Graph(tuple(nodes), f"looking at {', '.join(cameras)}, to record to {out}")


def _quality_monitor(cameras: dict[str, dict[str, ParameterValue]], out: Path) -> NodeSpec:
    """Watches the cameras; a session goes on without it."""
    parameters: dict[str, ParameterValue] = {
        "cameras": list(cameras),
        "thresholds": str(config_file("quality.yaml")),
        "output": str(out),
    }
    silent = [camera for camera, given in cameras.items() if given.get("start") == "take"]
    if silent:
        parameters["silent_cameras"] = list(silent)
    for camera, given in cameras.items():
        # A file has the rate it was recorded with.
        asked = options_of(camera).model_fields.get("frame_rate")
        if asked is not None and given.get("source") != "file":
            parameters[f"{camera}_rate"] = float(given.get("frame_rate", asked.default))
    # The last take is looked through when the session is over.
    return NodeSpec("quality_monitor", parameters, required=False, patience=90.0)


def people_are_recorded(graph: Graph) -> bool:
    """Whether a camera of the graph sees who sits there, and not a virtual person or a file."""
    cameras = [node for node in graph.nodes if node.name in CAMERAS]
    return any(node.parameters.get("source", "live") == "live" for node in cameras)


def calibrate_graph(options: CalibrateOptions) -> Graph:
    """The cameras alone; before virtual ones a board is moved.

    Raises:
        ConfigError: an option or a configuration file is wrong.
        GraphError: the rig does not exist.
    """
    nodes = []
    for camera, parameters in _cameras(options.rig, options.cameras).items():
        # A calibration that is there may be for another size: this one replaces it.
        uncalibrated = parameters | {"calibration": ""}
        if parameters.get("source") == "virtual":
            uncalibrated |= {"scene": "board"}
            if camera == "davis346" and options.davis == "frames":
                # Nobody looks at its events: the machine has the others' to make.
                uncalibrated |= {"step_rate": 50.0}
        nodes.append(NodeSpec(camera, uncalibrated))
    return Graph(tuple(nodes), f"calibrating {', '.join(node.name for node in nodes)}")


def session_script(options: RecordOptions) -> Script:
    """The script that a session will follow; a resumed one goes on with its own.

    Raises:
        ConfigError: an option or the script is wrong.
        GraphError: there is no such script.
    """
    out = Path(options.out).expanduser().resolve()
    if options.resume:
        left = last_words(session_folder(out, options.subject, _session(out, options)))
        if left is not None:
            return left.script
    script = load_script(config_or_path("protocol", options.script), options.language)
    aus = numbers(options.aus, "aus")
    return script.with_aus(aus) if aus else script


def _session(out: Path, options: RecordOptions) -> str:
    if not options.resume or options.session:
        return options.session or next_session(out, options.subject)
    left = unfinished(out, options.subject)
    if left is None:
        raise GraphError(f"no unfinished session of {options.subject} in {out} that could be resumed")
    return left[0]


def _consent(options: RecordOptions, *, virtual: bool) -> str:
    """Virtual people consent by themselves where nobody is there to ask."""
    if options.consent or not options.headless:
        return options.consent
    if not virtual:
        raise GraphError("a headless session asks nobody: give --consent research,... as signed on paper")
    return ",".join(SCOPES)


def live_graph(options: LiveOptions) -> Graph:
    """A camera, slicer, face tracker, recogniser, and a reconstructor where a model for it is given.

    Raises:
        ConfigError: an option or a configuration file is wrong.
        GraphError: no checkpoint, or the rig does not exist.
    """
    frames = "" if options.box else _frames_for(options.sensor, options.calibration)
    wanted = options.cameras or ",".join(dict.fromkeys([options.sensor, frames or options.sensor]))
    cameras = {} if wanted == "none" else _cameras(options.rig, wanted, options.calibration)
    nodes = [NodeSpec(camera, parameters) for camera, parameters in cameras.items()]
    nodes += _recognition(options, frames, simulated=False)
    return Graph(tuple(nodes), f"recognising Action Units from {options.sensor}")


def replay_graph(options: ReplayOptions) -> Graph:
    """A player in the place of the cameras, and the same recognition as live.

    Raises:
        ConfigError: an option is wrong.
        GraphError: no checkpoint or no bag.
    """
    bag = Path(options.bag).expanduser().resolve()
    if not options.bag or not bag.exists():
        raise GraphError(f"no bag at {bag}: give the folder of a take")
    listeners = [f"/{options.sensor}/events"]
    frames = "" if options.box else _frames_for(options.sensor, options.calibration)
    if frames:
        listeners.append(f"/{frames}/image_raw" + ("/compressed" if frames == "webcam" else ""))
    player = NodeSpec(
        "player",
        {
            "bag": str(bag),
            "rate": options.rate,
            "wait_for_subscribers": listeners,
            "wait_for_publishers": ["/au"] + (["/reconstruction/image"] if options.reconstruction else []),
        },
    )
    nodes = [*_recognition(options, frames, simulated=True), player]
    return Graph(tuple(nodes), f"replaying {bag.name}")


def _frames_for(sensor: str, calibration: str) -> str:
    """The camera in whose frames the face is looked for: the sensor, or one that it is calibrated with.

    Returns:
        Its name; "" where a sensor without frames is not calibrated.
    """
    if sensor == "davis346":
        return sensor
    if not calibration:
        return ""
    found = read_calibration(Path(calibration).expanduser())
    found.camera(sensor)
    return next((camera for camera in ("webcam", "davis346") if camera in found.cameras), "")


def _recognition(options: LiveOptions | ReplayOptions, frames: str, *, simulated: bool) -> list[NodeSpec]:
    sensor = options.sensor
    if not options.checkpoint:
        raise GraphError("no checkpoint given: name one with --checkpoint, or train one with `rig train au`")
    path = _model(options.checkpoint, "checkpoint", "rig train au")
    clock: dict[str, ParameterValue] = {"use_sim_time": simulated}
    slicer: dict[str, ParameterValue] = {"sensor": sensor, **clock}
    recognizer: dict[str, ParameterValue] = {"checkpoint": str(path), "sensor": sensor, **clock}
    nodes = [NodeSpec("slicer", slicer), NodeSpec("au_recognizer", recognizer)]
    if options.reconstruction:
        pictures = _model(options.reconstruction, "reconstruction", "rig train reconstruction")
        nodes.append(NodeSpec("reconstructor", {"checkpoint": str(pictures), "sensor": sensor, **clock}))
    if options.box:
        slicer["box"] = _box(options.box)
    elif frames:
        tracker: dict[str, ParameterValue] = {"sensor": frames, **clock}
        if frames != sensor:
            tracker["boxes_for"] = [str(sensor)]
            tracker["calibration"] = _absolute(options.calibration)
        nodes.append(NodeSpec("face_tracker", tracker))
    return nodes


def _model(given: str, option: str, trained_by: str) -> Path:
    """The path of a trained model that is there."""
    path = Path(given).expanduser().resolve()
    if not path.exists():
        raise GraphError(
            f"no checkpoint at {path}: train one with `{trained_by}`, or name another --{option}"
        )
    return path


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().resolve())


def _cameras(rig: str, wanted: str, calibration: str = "") -> dict[str, dict[str, ParameterValue]]:
    known = load_rig(rig)
    if calibration:
        given: dict[str, ParameterValue] = {"calibration": _absolute(calibration)}
        known = {camera: parameters | given for camera, parameters in known.items()}
    if not wanted:
        return known
    names = [name.strip() for name in wanted.split(",")]
    for name in names:
        if name not in known:
            raise ConfigError(f"rig {rig!r} has no camera {name!r}; it has: {', '.join(known)}")
    return {name: known[name] for name in names}


def numbers(text: str, field_name: str) -> list[int]:
    """Integers of a comma-separated list.

    Raises:
        ConfigError: something between two commas is not an integer.
    """
    try:
        return [int(part) for part in text.replace(" ", "").split(",") if part]
    except ValueError as error:
        raise ConfigError(f"{field_name}: {text!r} is not a comma-separated list of numbers") from error


def _box(text: str) -> list[float]:
    try:
        box = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"box: {text!r} is not x,y,width,height") from error
    if len(box) != 4 or box[2] <= 0 or box[3] <= 0:
        raise ConfigError(f"box: {text!r} is not x,y,width,height with a positive size")
    return box


def next_session(out: Path, subject: str) -> str:
    """Label of the first session of a subject that has no folder yet, "01" and on."""
    taken = {path.name for path in (out / f"sub-{subject}").glob("ses-*")}
    return next(f"{n:02d}" for n in range(1, 10_000) if f"ses-{n:02d}" not in taken)
