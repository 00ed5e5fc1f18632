"""What all kinds of rows share: paths, the chain of transforms, the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from hub.mapping.elements import email_key
from hub.mapping.fields import text_reader
from hub.mapping.paths import Path, parse_path
from hub.mapping.phones import is_region
from hub.mapping.table import RowSpec
from hub.mapping.text import Unmappable, ascii_only
from hub.mapping.transforms import MAKERS, PLAIN, TRANSFORMS, Transform, lookup, phone, same


class Wrong(Exception):  # becomes the ConfigError of load_mapping, which knows the file
    """Something in the table that can not be; `key` says where."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key
        self.problem = problem


def path_of(text: str, key: str) -> Path:
    try:
        return parse_path(text)
    except ValueError as err:
        raise Wrong(key, f"{text!r}: {err}") from err


def known_region(region: str | None, key: str) -> str | None:
    if region is not None and not is_region(region):
        raise Wrong(key, f"{region!r} is no country; allowed: alpha-2 codes such as PT, ES, GB")
    return region


def transforms_of(row: RowSpec, region: str | None, key: str) -> list[Transform]:
    """The transforms of `with`, then the table of `values`."""
    made = [_transform(step, region, f"{key}.with[{n}]") for n, step in enumerate(row.steps)]
    if row.values is not None:
        try:
            made.append(lookup(row.values))
        except ValueError as err:
            raise Wrong(f"{key}.values", str(err)) from err
    return made


def _transform(step: str | Mapping[str, Any], region: str | None, key: str) -> Transform:
    if isinstance(step, str):
        name, given = step, None
    elif len(step) == 1:
        name, given = next(iter(step.items()))
    else:
        raise Wrong(key, "one transform a line, as `name` or `name: argument`")
    if name == "email":
        return Transform(email_key, same, exact=True)
    if name == "phone":
        if not isinstance(given, str | None):
            raise Wrong(key, "phone takes the region of numbers without a country code, such as PT")
        return phone(known_region(given or region, key))
    if given is None and name in PLAIN:
        return PLAIN[name]
    if name in MAKERS and given is not None:
        return _made(MAKERS[name], given, key, name)
    if name in TRANSFORMS:
        raise Wrong(key, f"{name} {'needs an argument' if name in MAKERS else 'takes no argument'}")
    close = get_close_matches(name, TRANSFORMS, 1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise Wrong(key, f"there is no transform {name!r}; {hint}allowed: {', '.join(TRANSFORMS)}")


def _made(maker: Callable[..., Transform], given: Any, key: str, name: str) -> Transform:
    try:
        if isinstance(given, Mapping) and name != "lookup":
            return maker(**{str(k): v for k, v in given.items()})
        return maker(given)
    except (ValueError, TypeError, AttributeError) as err:
        raise Wrong(key, f"{name}: {err}") from err


def reader(row: RowSpec, steps: Sequence[Transform]) -> Callable[[Any], Any]:
    return text_reader(tuple(step.read for step in steps), frozenset(row.empty))


def outward_text(row: RowSpec, steps: Sequence[Transform], exact: bool) -> Callable[[str], Any] | None:
    """Canonical text → source value. None when a transform has no way back."""
    writers = [step.write for step in reversed(steps)]
    if any(write is None for write in writers):
        return None
    backward = [write for write in writers if write is not None and write is not same]
    shape = _shape(row, exact)

    def write(text: str) -> Any:
        if not isinstance(text, str):
            raise Unmappable("text was expected")
        value: Any = text
        for step in backward:
            value = step(value)
        return shape(value) if isinstance(value, str) else value

    return write


def _shape(row: RowSpec, exact: bool) -> Callable[[str], str]:
    """Case, accents and length as the system stores them. What must not be cut is not sent at all."""

    def shape(text: str) -> str:
        if row.ascii:
            text = ascii_only(text)
        if row.case is not None:
            text = text.upper() if row.case == "upper" else text.lower()
        if row.max_length is not None and len(text) > row.max_length:
            if exact:
                raise Unmappable("longer than this system holds")
            text = text[: row.max_length].strip()
        return text

    return shape
