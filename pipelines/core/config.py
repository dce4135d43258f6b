"""Typed settings read from pipeline JSON: field names as Spinnaker spells them, errors by their JSON path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails


class JsonConfig(BaseModel):
    """Fields in Python's spelling, read by their JSON names; "3" and "true" pass, unknown fields stay.

    null is the same as absent: editors write null for what was never filled in.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True, coerce_numbers_to_str=True
    )

    #: JSON names that are no mistake although nothing here reads them.
    also_known: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        return {name: value for name, value in fields.items() if value is not None}


def json_path(location: tuple[int | str, ...]) -> str:
    """("clusters", 0, "capacity") -> "clusters[0].capacity"."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


@dataclass(frozen=True, slots=True)
class Problem:
    """`location` leads to the field by JSON names and indexes; `contradicts`: it may be right beside other fields."""

    location: tuple[int | str, ...]
    message: str
    contradicts: bool

    @property
    def path(self) -> str:
        return json_path(self.location)


def problems(error: ValidationError) -> list[Problem]:
    """In the order of the fields."""
    return [
        Problem(_location(line), line["msg"].removeprefix("Value error, "), line["type"] == "value_error")
        for line in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _location(line: ErrorDetails) -> tuple[int | str, ...]:
    """Of a field that is absent, pydantic gives the Python name when a validator of ours misses it."""
    *above, field = line["loc"]
    if line["type"] == "value_error" and isinstance(field, str):
        field = to_camel(field)
    return (*above, field)
