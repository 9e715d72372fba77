"""As much of JSON Schema as the published schema uses, after the specification; anything else is an error.

The package jsonschema is not among the project's, and a schema that nothing validates against says nothing.
"""

import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "number": (int, float),
    "integer": int,
}
_SAYS_NOTHING = {"title", "description", "default", "$defs", "$schema", "$id", "type"}
_APPLIES_TO: dict[str, Any] = {
    **dict.fromkeys(("properties", "additionalProperties", "required"), dict),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), (int, float)),
    "items": list,
    "pattern": str,
}


def violations(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str = "$") -> Iterator[str]:
    """The places of `value` that the schema does not allow, each with the keyword that forbids it."""
    if not _has_type(value, schema.get("type")):
        yield f"{place}: type"
        return
    for keyword, wanted in schema.items():
        if keyword in _SAYS_NOTHING or not isinstance(value, _APPLIES_TO.get(keyword, object)):
            continue
        if keyword == "properties":
            for key in wanted.keys() & value.keys():
                yield from violations(value[key], wanted[key], root, f"{place}.{key}")
        elif keyword == "additionalProperties":
            for key in value.keys() - schema.get("properties", {}).keys():
                if wanted is False:
                    yield f"{place}.{key}: additionalProperties"
                elif wanted is not True:
                    yield from violations(value[key], wanted, root, f"{place}.{key}")
        elif keyword == "items":
            for i, item in enumerate(value):
                yield from violations(item, wanted, root, f"{place}[{i}]")
        elif keyword == "$ref":
            assert wanted.startswith("#/$defs/")
            yield from violations(value, root["$defs"][wanted.removeprefix("#/$defs/")], root, place)
        elif not _holds(keyword, wanted, value, root, place):
            yield f"{place}: {keyword}"


def _has_type(value: Any, wanted: str | None) -> bool:
    if wanted is None or isinstance(value, bool):
        return wanted in {None, "boolean"}
    return isinstance(value, _TYPES[wanted])


def _holds(keyword: str, wanted: Any, value: Any, root: dict[str, Any], place: str) -> bool:
    match keyword:
        case "required":
            return set(wanted) <= value.keys()
        case "const":
            return value == wanted
        case "enum":
            return value in wanted
        case "anyOf":
            return any(not list(violations(value, option, root, place)) for option in wanted)
        case "minimum":
            return value >= wanted
        case "maximum":
            return value <= wanted
        case "exclusiveMinimum":
            return value > wanted
        case "exclusiveMaximum":
            return value < wanted
        case "maxLength":
            return len(value) <= wanted
        case "pattern":
            return re.search(wanted, value) is not None
    raise AssertionError(f"the schema uses {keyword!r}, which this validator does not know")
