"""Where a connector's settings hold secrets, judged before and filled in when a connection is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr

from hub.document import Place
from hub.secrets import ALLOWED, expand, holds_literal_secret, is_reference, references, resolve

SECRET = list[SecretStr] | SecretStr
"""What a field without a representation is taken for."""


def secret_places(annotation: Any, value: Any, place: Place = ()) -> set[Place]:
    """Every place of a value where the annotation (a settings model) says secret.

    A secret is a `SecretStr`, or any text in a field that is declared with `repr=False`.
    """
    if annotation is SecretStr:
        return {place} if not isinstance(value, dict | list | None) else set()
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not isinstance(value, dict):
            return set()
        fields = {info.alias or name: info for name, info in annotation.model_fields.items()}
        return _union(
            secret_places(fields[key].annotation if fields[key].repr else SECRET, part, (*place, key))
            for key, part in value.items()
            if key in fields
        )
    inner = get_args(annotation)
    if inner and isinstance(value, dict) and _is_a(annotation, Mapping):
        return _union(secret_places(inner[-1], value[key], (*place, key)) for key in value)
    if inner and isinstance(value, list) and _is_a(annotation, Sequence):
        return _union(secret_places(inner[0], item, (*place, i)) for i, item in enumerate(value))
    return _union(secret_places(part, value, place) for part in inner)


def judge(value: Any, secrets: set[Place], place: Place = ()) -> Iterator[tuple[Place, str]]:
    """(place, what is wrong) for every secret that is not a reference; never with the value."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from judge(part, secrets, (*place, key))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from judge(part, secrets, (*place, i))
    elif place in secrets and not (isinstance(value, str) and _is_safe_secret(value)):
        yield place, _no_reference(place, value)
    elif isinstance(value, str):
        yield from ((place, problem) for problem in judge_text(value))


def _no_reference(place: Place, value: Any) -> str:
    if value is None or value == "":
        return f"stands there with nothing in it; allowed: {ALLOWED}"
    if not isinstance(value, str):
        return f"what stands here is no text (not shown); allowed: {ALLOWED}"
    if place[-1] == "url":
        return (
            "this is no address, or a secret itself (not shown); allowed: an address such as "
            f"postgresql://USER:${{env:NAME}}@HOST/NAME, or {ALLOWED}"
        )
    return f"a secret stands here itself (not shown); allowed: {ALLOWED}, so that no file holds it"


def whole_references(value: Any, place: Place = ()) -> Iterator[Place]:
    """Places whose text is nothing but one `${…}`: its form can only be judged when it is filled in."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from whole_references(part, (*place, key))
    if isinstance(value, str) and [value] == ["${" + reference + "}" for reference in references(value)]:
        yield place


def judge_text(text: str) -> Iterator[str]:
    """What is wrong with the references of a text, such as an address."""
    if holds_literal_secret(text):
        yield "the address holds a password (not shown); allowed: ${env:NAME} or ${file:PATH} in its place"
    if "${" in text and not all(is_reference(reference) for reference in references(text)):
        yield "a ${…} is not a reference; allowed: ${env:NAME} or ${file:PATH}"


def fill_in(value: Any, secrets: set[Place], folder: Path) -> Any:
    """The value with every reference replaced by what it stands for; ConfigError when one is missing."""

    def reveal(text: str, place: Place) -> str:
        if place in secrets and is_reference(text):
            return resolve(text, folder)
        return expand(text, folder)

    return _rebuild(value, reveal, ())


def stand_in(value: Any) -> Any:
    """The value with something harmless for each `${…}`, so that its form can be judged without secrets."""

    def harmless(text: str, _: Place) -> str:
        for reference in references(text):
            text = text.replace("${" + reference + "}", "1")
        return text

    return _rebuild(value, harmless, ())


def texts(value: Any) -> Iterator[str]:
    """Every text within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from texts(part)


def _is_safe_secret(text: str) -> bool:
    """A reference, or an address whose secret part is one."""
    return is_reference(text) or "${" in text or ("://" in text and not holds_literal_secret(text))


def _rebuild(value: Any, change: Callable[[str, Place], str], place: Place) -> Any:
    if isinstance(value, Mapping):
        return {key: _rebuild(part, change, (*place, key)) for key, part in value.items()}
    if isinstance(value, list):
        return [_rebuild(part, change, (*place, i)) for i, part in enumerate(value)]
    return change(value, place) if isinstance(value, str) else value


def _is_a(annotation: Any, kind: type) -> bool:
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, kind)


def _union(parts: Iterator[set[Place]]) -> set[Place]:
    return set().union(*parts)
