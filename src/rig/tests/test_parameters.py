"""Parameters declared once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
import rclpy
from pydantic import BaseModel, Field
from rclpy.node import Node
from rclpy.parameter import Parameter

from evface.errors import ConfigError
from rig.parameters import declare, rows


class Sample(BaseModel):
    """Parameters of the test's node."""

    rate: float = Field(default=2.0, ge=0.5, le=4.0, description="how fast", json_schema_extra={"unit": "Hz"})
    count: int = Field(default=3, ge=1, le=9, description="how many")
    kind: Literal["live", "file"] = Field(default="live", description="which")
    box: list[float] = Field(default=[], description="where")
    names: list[str] = Field(default=["a"], description="who")


@pytest.fixture
def context() -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.try_shutdown()


def test_defaults_are_declared_and_read(context: None) -> None:
    node = Node("sample")
    assert declare(node, Sample) == Sample()
    described = node.describe_parameter("rate")
    assert described.description == "how fast [Hz]"
    assert (described.floating_point_range[0].from_value, described.floating_point_range[0].to_value) == (
        0.5,
        4.0,
    )
    assert node.describe_parameter("kind").additional_constraints == "one of: live, file"
    node.destroy_node()


def test_given_values_are_read(context: None) -> None:
    given = [
        Parameter("box", value=[1.0, 2.0]),
        Parameter("kind", value="file"),
        Parameter("names", value=["x", "y"]),
    ]
    node = Node("sample", parameter_overrides=given)
    assert declare(node, Sample) == Sample(box=[1.0, 2.0], kind="file", names=["x", "y"])
    node.destroy_node()


@pytest.mark.parametrize("wrong", [Parameter("rate", value=9.0), Parameter("kind", value="telepathy")])
def test_a_wrong_value_is_one_config_error_that_names_it(context: None, wrong: Parameter) -> None:
    node = Node("sample", parameter_overrides=[wrong])
    with pytest.raises(ConfigError, match=f"sample: .*{wrong.name}"):
        declare(node, Sample)
    node.destroy_node()


def test_a_change_out_of_range_is_refused_at_run_time(context: None) -> None:
    node = Node("sample")
    declare(node, Sample)
    refused = node.set_parameters([Parameter("kind", value="telepathy")])[0]
    assert not refused.successful
    assert "kind" in refused.reason
    assert node.set_parameters([Parameter("count", value=9)])[0].successful
    node.destroy_node()


def test_the_table_has_units_and_ranges() -> None:
    table = {row[0]: row for row in rows(Sample)}
    assert table["rate"][1:5] == ("float", "2.0", "0.5…4.0", "Hz")
    assert table["kind"][1:4] == ("string", "live", "live \\| file")
