"""pydantic's findings as lines for people: file, line, key, what was found, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hub.document import Document, Mistake, Place, did_you_mean, show
from hub.secrets import holds_literal_secret

_SECRET_NAME = re.compile(
    r"secret|passw|pwd|token|credential|api_?key|private_?key|master_?key|bearer|authorization", re.IGNORECASE
)
_TYPES = {
    "string_type": "a text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "list_type": "a list",
    "tuple_type": "a list",
    "mapping_type": "a group of keys",
    "dict_type": "a group of keys",
    "model_type": "a group of keys",
    "model_attributes_type": "a group of keys",
    "dataclass_type": "a group of keys",
    "path_type": "a path",
}


def explain(
    document: Document,
    err: ValidationError,
    model: type[BaseModel],
    *,
    base: Place = (),
    more_keys: Iterable[str] = (),
    leave_out: Collection[Place] = (),
    helps: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Mistake]:
    """
    base       where in the document the validated value stands
    more_keys  keys allowed beside those of `model`, for suggestions
    leave_out  places that are judged elsewhere (secrets)
    helps      what keys of `model` mean, where it does not say so itself
    """
    for found in err.errors(include_url=False):
        place, of_key = _place(document, base, found)
        if place not in leave_out:
            yield document.mistake(place, _message(found, place, model, more_keys, helps), of_key=of_key)


def _place(document: Document, base: Place, found: ErrorDetails) -> tuple[Place, bool]:
    """Where in the file; union tags and the like in pydantic's path are passed over."""
    at = base
    of_key = found["type"] == "extra_forbidden"
    for part in found["loc"]:
        if part == "[key]":
            of_key = True
        elif (*at, part) in document.value_lines:
            at = (*at, part)
    if found["type"] == "missing":
        at = (*at, found["loc"][-1])
        of_key = True
    return at, of_key


def _message(
    found: ErrorDetails, place: Place, model: type[BaseModel], more_keys: Iterable[str], helps: Mapping[str, str]
) -> str:
    kind, context = found["type"], found.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return unknown_key(str(place[-1]), [*_keys_at(model, found["loc"][:-1]), *more_keys])
    value = "" if _is_of_a_group(found) else _shown(found, place)
    if kind in ("literal_error", "enum"):
        allowed = str(context.get("expected", "")).replace("'", '"').replace(" or ", ", ")
        allowed = allowed.replace("True", "true").replace("False", "false")
        near = did_you_mean(str(found["input"]), re.findall(r'"([^"]*)"', allowed)) if value else ""
        return _sentence(value, f"allowed: {allowed}.{near}")
    if kind in ("value_error", "assertion_error"):
        return _sentence(value, str(context.get("error", "")).strip() or "not allowed")
    if kind in _TYPES:
        return _sentence(value, f"allowed: {_TYPES[kind]}")
    if kind == "string_pattern_mismatch":
        return _sentence(value, f"allowed: {_help_at(model, found['loc'], helps) or _form(context)}")
    if kind == "string_too_short" and context.get("min_length") == 1:
        return "stands there with nothing in it; fill it in, or leave the key out"
    # pydantic's own words for ranges; they do not repeat the value
    return _sentence(value, found["msg"][0].lower() + found["msg"][1:])


def _is_of_a_group(found: ErrorDetails) -> bool:
    """Whether a rule about several keys was broken: which keys they are is said by the rule, not by the value."""
    return found["type"] in ("value_error", "assertion_error") and isinstance(found["input"], dict)


def _form(context: Mapping[str, Any]) -> str:
    return f"a text of the form `{context.get('pattern', '')}`"


def _help_at(model: type[BaseModel], path: Sequence[str | int], helps: Mapping[str, str]) -> str:
    """What the key at that path means and an example of it, as far as its model says so."""
    holder: Any = model
    for part in path[:-1]:
        fields = getattr(holder, "model_fields", {})
        holder = _model_in(fields[part].annotation) if part in fields else None
    info = getattr(holder, "model_fields", {}).get(path[-1]) if path else None
    if info is None or not info.description:
        return helps.get(str(path[0]), "") if len(path) == 1 else ""
    example = next((str(each) for each in info.examples or ()), "")
    return info.description if not example or example in info.description else f"{info.description}, such as {example}"


def unknown_key(key: str, allowed: Iterable[str]) -> str:
    names = sorted(set(allowed))
    near = did_you_mean(key, names)
    return f"there is no such key.{near} Allowed: {', '.join(names)}." if names else "there is no such key."


def _sentence(value: str, rest: str) -> str:
    return f"found {value}; {rest}" if value else rest


def _shown(found: ErrorDetails, place: Place) -> str:
    """The value found, unless it may be a secret."""
    named_secret = any(_SECRET_NAME.search(str(part)) for part in (*place, *found["loc"]))
    value = found["input"]
    if named_secret or (isinstance(value, str) and holds_literal_secret(value)):
        return ""
    return show(value)


def _keys_at(model: type[BaseModel], path: Sequence[str | int]) -> Iterable[str]:
    """The keys that the model at that path allows; none when it cannot be told."""
    current: Any = model
    for part in path:
        fields = getattr(current, "model_fields", {})
        if part in fields:
            current = _model_in(fields[part].annotation)
    fields = getattr(current, "model_fields", {})
    return [info.alias or name for name, info in fields.items()]


def _model_in(annotation: Any) -> Any:
    """The first model within an annotation such as `Limits | None` or `dict[str, Limits]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found is not None:
            return found
    return None
