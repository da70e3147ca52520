"""The documentation says what the code does."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from evface.quality import Thresholds
from evface.quality.measures import markdown as measures_as_markdown
from rig.commands.parameters import markdown

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_page_of_parameters_is_up_to_date() -> None:
    page = (ROOT / "docs" / "parameters.md").read_text()
    assert page == markdown(), "run: rig parameters --markdown > docs/parameters.md"


def test_the_table_of_quality_is_that_of_the_thresholds() -> None:
    page = (ROOT / "docs" / "acquisition.md").read_text()
    assert measures_as_markdown(Thresholds()) in page


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize(
    "module", sorted((ROOT / "src/evface/evface").rglob("*.py")), ids=lambda path: path.stem
)
def test_evface_knows_no_ros(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.split(".")[0] not in (
                "rclpy",
                "rig",
                "rig_interfaces",
                "dv_ros2_msgs",
                "event_camera_msgs",
                "launch_ros",
            )


def test_the_messages_hash_is_the_field_s() -> None:
    from rig.commands.doctor import EVENT_PACKET_HASH
    from rig.recording.definitions import typestore

    assert EVENT_PACKET_HASH == "RIHS01_d6fa176260b1f37e5a40845305315e150a0f18191241eb64f407442aa29844aa"
    assert typestore().hash_rihs01("event_camera_msgs/msg/EventPacket") == EVENT_PACKET_HASH


def test_the_wire_s_hash_is_the_field_s() -> None:
    import rclpy

    from event_camera_msgs.msg import EventPacket

    rclpy.init()
    node = rclpy.create_node("hash")
    node.create_publisher(EventPacket, "/events", 1)
    try:
        found = str(node.get_publishers_info_by_topic("/events")[0].topic_type_hash)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    assert found == "RIHS01_d6fa176260b1f37e5a40845305315e150a0f18191241eb64f407442aa29844aa"
