"""A form made from the settings of a connector type, and what was typed into it as values of `hub.yaml`. Pure.

Every key of the settings has a field: choices where they are known, a group for settings within settings, lines for
lists of texts, and YAML for what has no simpler form. Secrets are only ever written: a field of one shows which
reference stands there, and never a value.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from hub.config.models import ConnectionConfig
from hub.config.values import Schedule, say_limit
from hub.connectors.explained import explained
from hub.document import Place, parse_document, write_value
from hub.durations import say_duration
from hub.errors import ConfigError
from hub.sync.guard import Limit

DEEPEST = 3  # groups within groups; what lies deeper is written as YAML
LONGEST = 20_000  # characters of one field
OWN = "s."  # names of fields for the type's own keys
SHARED = "c."  # for those that every connection has
TYPED = "typed."  # for a secret that is typed in


@dataclass(frozen=True, slots=True)
class Asked:
    """One field of the form.

    name     of the field in the form
    place    of its key in the values
    kind     text | number (or a text) | lines | yaml | choice | secret | group
    shown    what it holds now, as it is typed; of a secret: the reference, or ""
    default  what counts where nothing is typed
    choices  of a choice: (as it is typed, as it is said)
    fields   of a group
    is_set   of a secret: whether there is one
    """

    name: str
    place: Place
    kind: str
    means: str = ""
    shown: str = ""
    default: str = ""
    is_needed: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    fields: tuple[Asked, ...] = ()
    is_set: bool = False

    @property
    def label(self) -> str:
        return str(self.place[-1])

    @property
    def path(self) -> str:
        return ".".join(map(str, self.place))

    @property
    def is_used(self) -> bool:
        return bool(self.shown) or self.is_set or any(field.is_used for field in self.fields)


def own_fields(kind: type[BaseModel], values: Mapping[str, Any]) -> tuple[Asked, ...]:
    """For the type's own keys. values: of the connection, as written"""
    return tuple(_fields(kind, values, (), OWN, 0))


def shared_fields(values: Mapping[str, Any]) -> tuple[Asked, ...]:
    """For the keys that every connection has, but for its type and its mapping."""
    fields = [each for each in _fields(ConnectionConfig, values, (), SHARED, 0) if each.label not in LEFT_OUT]
    return tuple(fields)


LEFT_OUT = ("type", "mapping", "settings")


def all_fields(fields: Sequence[Asked]) -> Iterator[Asked]:
    """Those within groups too, without the groups."""
    for each in fields:
        if each.kind == "group":
            yield from all_fields(each.fields)
        else:
            yield each


def typed_values(
    fields: Sequence[Asked], typed: Mapping[str, str], before: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[Place, str], list[tuple[str, str]]]:
    """(the values as they are meant to be, secrets that were typed in by place, mistakes by path).

    before  the values as they are: keys that the form does not ask for stay
    """
    values, secrets, mistakes = dict(before), dict[Place, str](), list[tuple[str, str]]()
    for field in all_fields(fields):
        text = typed.get(field.name, "")[:LONGEST].replace("\r\n", "\n")
        if field.kind == "secret" and (secret := typed.get(TYPED + field.name, "")):
            secrets[field.place] = secret
            continue
        if text == field.shown or (field.kind == "secret" and not text and field.is_set):
            continue  # as it was, whatever its exact form
        try:
            _set(values, field.place, _read(field, text))
        except ConfigError as err:
            mistakes.append((field.path, _first_line(err)))
    return values, secrets, mistakes


# --- what is asked ----------------------------------------------------------------------------------


def _fields(kind: type[BaseModel], values: Any, place: Place, start: str, depth: int) -> Iterator[Asked]:
    given = values if isinstance(values, Mapping) else {}
    for setting, info in zip(explained(kind), kind.model_fields.values(), strict=True):
        at = (*place, setting.name)
        yield _field(
            info,
            Asked(
                start + ".".join(map(str, at)),
                at,
                "text",
                setting.means,
                default=setting.default or "",
                is_needed=setting.default is None,
            ),
            given.get(setting.name),
            (start, depth),
        )


def _field(info: FieldInfo, asked: Asked, value: Any, level: tuple[str, int]) -> Asked:
    start, depth = level
    inner = _plain(info.annotation)
    if inner is SecretStr or not info.repr:
        return _secret(asked, value)
    if _is_group(inner) and depth < DEEPEST and (value is None or isinstance(value, Mapping)):
        fields = tuple(_fields(inner, value, asked.place, start, depth + 1))
        return replace(asked, kind="group", fields=fields, default="", means=asked.means or _summary(inner))
    choices = _choices(inner)
    if choices and (value is None or _written(value) in [typed for typed, _ in choices]):
        default = asked.default or ""
        return replace(
            asked, kind="choice", choices=choices, shown="" if value is None else _written(value), default=default
        )
    if value is None:
        return replace(asked, kind=_kind_of(inner), default=_default(asked, info))
    return _of_value(asked, inner, value)


def _of_value(asked: Asked, inner: Any, value: Any) -> Asked:
    if isinstance(value, list) and value and all(_is_line(item) for item in value) and _kind_of(inner) == "lines":
        return replace(asked, kind="lines", shown="\n".join(value))
    if isinstance(value, dict | list):
        return replace(asked, kind="yaml", shown=write_value(value))
    return replace(asked, kind=_kind_of(inner).replace("lines", "text"), shown=_written(value))


def _secret(asked: Asked, value: Any) -> Asked:
    if isinstance(value, list | dict):
        return replace(asked, kind="yaml", shown=write_value(value))
    return replace(
        asked, kind="secret", shown="" if value is None else str(value), is_set=value is not None, default=""
    )


def _default(asked: Asked, info: FieldInfo) -> str:
    found = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
    if isinstance(found, Limit):
        return say_limit(found)
    if isinstance(found, timedelta):
        return say_duration(found)
    return found.text if isinstance(found, Schedule) else asked.default


def _plain(annotation: Any) -> Any:
    """Without `| None` and what is said beside it."""
    while get_origin(annotation) not in (None, Literal) and hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return _plain(parts[0]) if len(parts) == 1 else annotation
    return annotation


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _choices(annotation: Any) -> tuple[tuple[str, str], ...]:
    if annotation is bool:
        return (("true", "true"), ("false", "false"))
    if get_origin(annotation) is Literal:
        return tuple((_written(each), _written(each)) for each in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple((str(each.value), str(each.value)) for each in annotation)
    return ()


def _kind_of(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin in (list, tuple, Sequence) and all(_is_text(part) for part in get_args(annotation)):
        return "lines"
    if _is_structured(annotation):
        return "yaml"
    return "number" if _is_number(annotation) else "text"


def _is_number(annotation: Any) -> bool:
    plain = _plain(annotation)
    parts = get_args(plain) if get_origin(plain) in (Union, types.UnionType) else (plain,)
    return any(part in (int, float, Limit) for part in map(_plain, parts))


def _is_text(annotation: Any) -> bool:
    return annotation is Ellipsis or _plain(annotation) is str


def _is_structured(annotation: Any) -> bool:
    """Whether a value of it may be more than one line."""
    plain = _plain(annotation)
    if get_origin(plain) in (Union, types.UnionType):
        return any(_is_structured(part) for part in get_args(plain))
    return _is_group(plain) or get_origin(plain) not in (None, Literal)


def _is_line(item: Any) -> bool:
    return isinstance(item, str) and item == item.strip() != "" and "\n" not in item


def _written(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else "" if value is None else str(value)


def _summary(kind: type[BaseModel]) -> str:
    return next((line.strip() for line in (kind.__doc__ or "").splitlines() if line.strip()), "")


# --- what was typed ---------------------------------------------------------------------------------


def _read(field: Asked, text: str) -> Any:
    """None: nothing was typed, so the key is left out."""
    if not text.strip():
        return None
    if field.kind == "lines":
        return [line.strip() for line in text.split("\n") if line.strip()]
    if field.kind == "yaml":
        return parse_document(text, "what was typed").data
    if field.kind == "secret":
        return text.strip()
    if field.kind == "choice":
        return {"true": True, "false": False}.get(text, text)
    return _scalar(text.strip()) if field.kind == "number" else text.strip()


def _scalar(text: str) -> Any:
    """A number where it is one to the last digit, else the text itself."""
    if text.isascii() and text.removeprefix("-").isdecimal() and str(int(text)) == text:
        return int(text)
    whole, dot, part = text.partition(".")
    if text.isascii() and dot and whole.isdecimal() and part.isdecimal() and str(float(text)) == text:
        return float(text)
    return text


def _set(values: dict[str, Any], place: Place, value: Any) -> None:
    """With groups on the way; a key without a value is left out, and a group without keys too."""
    head, *rest = (str(part) for part in place)
    if not rest:
        if value is None:
            values.pop(head, None)
        else:
            values[head] = value
        return
    inner = dict(values[head]) if isinstance(values.get(head), dict) else {}
    _set(inner, tuple(rest), value)
    if inner:
        values[head] = inner
    else:
        values.pop(head, None)


def _first_line(err: ConfigError) -> str:
    lines = str(err).splitlines()
    return lines[1] if len(lines) > 1 else lines[0]


__all__ = ["Asked", "all_fields", "own_fields", "shared_fields", "typed_values"]
