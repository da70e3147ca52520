"""What a person configured, checked: one ConfigError that names the place, the fields and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError

from evface.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


def number(default: float, unit: str, low: float, high: float, description: str, **extra: Any) -> Any:
    """A field that is a number with a unit, from ``low`` to ``high``; ``extra`` goes into its schema."""
    return Field(
        default=default, ge=low, le=high, description=description, json_schema_extra={"unit": unit, **extra}
    )


def validated(model: type[Model], values: Mapping[str, Any], where: str) -> Model:
    """The model with these values.

    Args:
        model: declares names, types and ranges.
        values: as a person gave them.
        where: the file or the thing configured, for the message.

    Raises:
        ConfigError: an unknown name, a wrong type or a value out of range; every wrong field is named.
    """
    strange = [name for name in values if not isinstance(name, str)]
    if strange:
        raise ConfigError(f"{where}: expected names of fields, found {strange[0]!r}")
    try:
        return model(**values)
    except ValidationError as error:
        raise ConfigError(
            f"{where}: " + "; ".join(_explain(wrong, model) for wrong in error.errors())
        ) from error


def _explain(wrong: Any, model: type[BaseModel]) -> str:
    field = ".".join(str(part) for part in wrong["loc"]) or "fields"
    if wrong["type"] == "extra_forbidden":
        known = f" (known: {', '.join(model.model_fields)})" if len(wrong["loc"]) == 1 else ""
        return f"{field}: unknown name{known}"
    if wrong["type"] == "missing":
        return f"{field}: missing"
    message = wrong["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if not wrong["loc"] else f"{field}: {message}, found {wrong['input']!r}"


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        ConfigError: there is no such file, it is not YAML, or it holds no mapping.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: expected a mapping of names to values, found {type(found).__name__}")
    return found
