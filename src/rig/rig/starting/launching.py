"""A graph as a LaunchDescription for ROS 2's launch; imported by the launch files alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from pydantic import BaseModel

from evface.validation import validated
from launch import LaunchContext, LaunchDescription
from rig.graph import Graph, NodeSpec
from rig.transport import environment

Options = TypeVar("Options", bound=BaseModel)


def describe(
    options: type[Options],
    build: Callable[[Options], Graph],
    prepare: Callable[[Options, Graph, Callable[[str], None]], None] | None = None,
) -> LaunchDescription:
    """Launch arguments from an options model, nodes from the graph it builds.

    Args:
        options: each field becomes a launch argument with its default and description.
        build: makes the graph; its errors stop the launch with their message.
        prepare: called before anything starts, with the options, the graph and a way to tell people.
    """
    arguments = [
        DeclareLaunchArgument(
            name,
            default_value=str(field.default).lower() if field.annotation is bool else str(field.default),
            description=field.description or "",
        )
        for name, field in options.model_fields.items()
    ]

    def nodes(context: LaunchContext) -> list[Node | RegisterEventHandler]:
        given = {name: LaunchConfiguration(name).perform(context) for name in options.model_fields}
        values = validated(options, given, "launch arguments")
        graph = build(values)
        if prepare is not None:
            prepare(values, graph, lambda line: print(line, flush=True))
        return [action for spec in graph.nodes for action in _actions(spec)]

    return LaunchDescription([*arguments, OpaqueFunction(function=nodes)])


def _actions(spec: NodeSpec) -> list[Node | RegisterEventHandler]:
    node = Node(
        package="rig",
        executable=spec.name,
        name=spec.name,
        parameters=[spec.parameters],
        additional_env=environment(),
        output="screen",
        emulate_tty=True,
        sigterm_timeout="20",
        sigkill_timeout="5",
    )
    if not spec.required:
        return [node]
    end = EmitEvent(event=Shutdown(reason=f"{spec.name} ended"))
    return [node, RegisterEventHandler(OnProcessExit(target_action=node, on_exit=[end]))]
