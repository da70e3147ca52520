"""Parameters declared once, as a pydantic model; ROS descriptors and the documentation come from it.

A field's type, default, range (``ge``, ``le``), description and ``json_schema_extra={"unit": ...}``
become the ROS parameter's type, default, range and description. Strings with a fixed set of values are
``Literal``. The table in docs/parameters.md is made by `rig parameters --markdown`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from evface.errors import ConfigError, EvfaceError
from evface.validation import validated

Model = TypeVar("Model", bound=BaseModel)


_ARRAYS = {
    list[float]: Parameter.Type.DOUBLE_ARRAY,
    list[int]: Parameter.Type.INTEGER_ARRAY,
    list[str]: Parameter.Type.STRING_ARRAY,
}


def bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Lowest and highest allowed value of a field, None where open."""
    low = high = None
    for rule in field.metadata:
        if isinstance(rule, annotated_types.Ge):
            low = rule.ge
        elif isinstance(rule, annotated_types.Le):
            high = rule.le
    return low, high  # type: ignore[return-value]


def unit(field: FieldInfo) -> str:
    """The unit a field is given in, "" where it has none."""
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def at_run_time(field: FieldInfo) -> bool:
    """Whether a live camera takes the field while it runs."""
    extra = field.json_schema_extra
    return bool(extra.get("adjustable")) if isinstance(extra, dict) else False


def descriptor(name: str, field: FieldInfo) -> ParameterDescriptor:
    """The ROS descriptor of a field."""
    text = field.description or ""
    if unit(field):
        text += f" [{unit(field)}]"
    if at_run_time(field):
        text += " (at run time too)"
    result = ParameterDescriptor(name=name, description=text)
    if get_origin(field.annotation) is Literal:
        result.additional_constraints = "one of: " + ", ".join(map(str, get_args(field.annotation)))
    low, high = bounds(field)
    if low is not None and high is not None:
        if field.annotation is int:
            result.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=0)]
        elif field.annotation is float:
            result.floating_point_range = [
                FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)
            ]
    return result


def _default(field: FieldInfo) -> Any:
    value = field.get_default(call_default_factory=True)
    if value is None or value == []:
        # ROS cannot tell the type of nothing: an empty list is declared by type.
        return _ARRAYS[field.annotation]  # type: ignore[index]
    return value


def declare(
    node: Node, model: type[Model], on_change: Callable[[Model, dict[str, Any]], None] | None = None
) -> Model:
    """Declare a model's fields as the node's parameters and read what was given for them.

    Changes at run time are checked against the model: one that breaks it is refused with the reason.

    Args:
        node: that gets the parameters.
        model: declares them.
        on_change: called with the model as it would be and the changed values by name; an EvfaceError that it
            raises refuses the change.

    Raises:
        ConfigError: a value has the wrong type or lies out of range.
    """
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        default = _default(field)
        try:
            parameter = node.declare_parameter(name, default, descriptor(name, field))
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise ConfigError(f"{node.get_name()}: parameter {name}: {error}") from error
        values[name] = _plain(parameter.value)
        if parameter.value is None:
            values.pop(name)
    read = validated(model, values, node.get_name())

    current = read

    def check(parameters: list[Parameter]) -> SetParametersResult:
        nonlocal current
        changes = {one.name: _plain(one.value) for one in parameters if one.name in model.model_fields}
        try:
            proposed = validated(model, current.model_dump() | changes, node.get_name())
            if on_change is not None and changes:
                on_change(proposed, changes)
        except EvfaceError as error:
            return SetParametersResult(successful=False, reason=str(error))
        current = proposed
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(check)
    return read


def _plain(value: Any) -> Any:
    """A parameter's value without rclpy's array types."""
    return list(value) if isinstance(value, (list, tuple)) or hasattr(value, "typecode") else value


def rows(model: type[BaseModel]) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Name, type, default, range, unit and description of each field, for tables."""
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        kind, span = _type_and_range(field)
        text = (field.description or "") + (" (at run time too)" if at_run_time(field) else "")
        yield name, kind, str(default), span, unit(field), text


def _type_and_range(field: FieldInfo) -> tuple[str, str]:
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        return "string", " \\| ".join(map(str, get_args(kind)))
    low, high = bounds(field)
    span = "" if low is None and high is None else f"{_or_open(low)}…{_or_open(high)}"
    if kind is str:
        return "string", span
    return (kind.__name__ if get_origin(kind) is None else str(kind)), span


def _or_open(bound: float | None) -> str:
    return "" if bound is None else str(bound)
