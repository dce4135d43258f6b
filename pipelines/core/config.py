"""Typed settings read from pipeline JSON: field names as Spinnaker spells them, errors by their JSON path."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel


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


def problems(error: ValidationError) -> list[tuple[str, str]]:
    """(path, what is wrong with it), in the order of the fields."""
    return [
        (json_path(line["loc"]), line["msg"].removeprefix("Value error, "))
        for line in error.errors(include_url=False, include_context=False, include_input=False)
    ]
