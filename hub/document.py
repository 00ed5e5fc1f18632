"""YAML files as plain values, with the line of every key, for errors that point at the spot.

Read like YAML 1.2: only `true` and `false` are booleans (the country code NO stays a text), dates and times
are texts, a number with leading zeros is a text. Keys are texts, whole numbers or booleans, since tables of
values need them. Nothing in a file is carried out: tags other than the plain ones are refused, and aliases
cannot make a small file a big value.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

from hub.errors import ConfigError

Place: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the top of a file to a value."""

LARGEST = 4_000_000  # bytes of one file
DEEPEST = 40  # levels of nesting
MOST_VALUES = 200_000  # after aliases are followed


class Mistake(NamedTuple):
    """One thing that is wrong; sorts by line."""

    line: int
    text: str


@dataclass(frozen=True)
class Document:
    """The values of one file, and where they stand in it."""

    name: str
    data: Any
    key_lines: Mapping[Place, int] = field(repr=False)
    value_lines: Mapping[Place, int] = field(repr=False)

    def line(self, place: Sequence[str | int], *, of_key: bool = False) -> int:
        """Line of a value or its key; of the nearest thing around it when it is not in the file."""
        at = tuple(place)
        lines = self.key_lines if of_key else self.value_lines
        while at and at not in lines:
            at = at[:-1]
            lines = self.key_lines if at in self.key_lines else self.value_lines
        return lines.get(at, 1)

    def locate(self, path: str) -> Place:
        """The place that a path such as `fields.emails[0].from` names, as far as it is in the file.

        One thing may stand for a list of one: `[0]` that is not there is passed over.
        """
        at: Place = ()
        while path:
            inner = [place for place in self.value_lines if place[:-1] == at and len(place) > len(at)]
            names = {say_place(place[-1:]): place for place in inner}
            fitting = [name for name in names if path.startswith(name) and path[len(name) :][:1] in ("", ".", "[")]
            if not fitting and path.startswith("[0]"):
                path = path[3:].removeprefix(".")
                continue
            if not fitting:
                break
            name = max(fitting, key=len)
            at, path = names[name], path[len(name) :].removeprefix(".")
        return at

    def mistake(self, place: Sequence[str | int], message: str, *, of_key: bool = False) -> Mistake:
        """`file:line: key.path: message`."""
        path, line = say_place(place), self.line(place, of_key=of_key)
        return Mistake(line, f"{self.name}:{line}: " + (f"{path}: {message}" if path else message))


def say_place(place: Sequence[str | int]) -> str:
    """("fields", 2, "to") → `fields[2].to`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def say_mistakes(lines: Iterable[str]) -> str:
    """The message of a refusal: what is wrong, each once, and the next step."""
    found = list(dict.fromkeys(lines))
    count = "a mistake" if len(found) == 1 else f"{len(found)} mistakes"
    return "\n".join(
        [
            f"The configuration has {count}, so nothing was done.",
            *found,
            "Next: correct, then run `hub check`.",
        ]
    )


def did_you_mean(found: str, allowed: Iterable[str]) -> str:
    """` Did you mean "x"?` when something near is allowed, else nothing."""
    names = {name.lower(): name for name in allowed}
    near = difflib.get_close_matches(found.lower(), names, n=1, cutoff=0.6)
    return f' Did you mean "{names[near[0]]}"?' if near else ""


def read_document(path: Path) -> Document:
    """ConfigError when the file is missing, too big, not UTF-8 or not YAML of the plain kind."""
    try:
        content = path.read_bytes() if path.stat().st_size <= LARGEST else None
    except FileNotFoundError as err:
        raise ConfigError(f"There is no file {path}.") from err
    except OSError as err:
        raise ConfigError(f"{path} cannot be read: {err.strerror or type(err).__name__}. Nothing was done.") from err
    if content is None:
        raise ConfigError(f"{path} is larger than {LARGEST} bytes: that is no configuration file.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = content.count(b"\n", 0, err.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text, so nothing was done. Save the file as UTF-8.") from err
    return parse_document(text, str(path))


def parse_document(text: str, name: str) -> Document:
    """`name` stands for the file in messages. ConfigError lists every mistake of the file's form."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.YAMLError as err:
        raise ConfigError(say_mistakes([_say_syntax(name, err)])) from err
    builder = _Builder(name)
    data = builder.build(node, (), 0) if node is not None else None
    if builder.errors:
        raise ConfigError(say_mistakes(builder.errors))
    return Document(name, data, builder.key_lines, builder.value_lines)


class Alias(yaml.ScalarNode):
    """Where a text says `*name`; for who looks at the text, not at what it means."""


def compose(text: str) -> yaml.Node | None:
    """The nodes of a text with their places in it, aliases not followed; None when it holds nothing.

    ValueError when it is not YAML of the plain kind.
    """
    try:
        loader = _Places(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.YAMLError as err:
        raise ValueError(str(err)) from err


class _Loader(yaml.SafeLoader):
    """Composes nodes by the rules above; never constructs an object."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (as the base class)
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, f"nested deeper than {DEEPEST} levels", mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Places(_Loader):
    """Leaves aliases as they stand."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            return Alias("alias", event.anchor, event.start_mark, event.end_mark)
        return super().compose_node(parent, index)


_PREFIX = "tag:yaml.org,2002:"
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)", "-+0123456789"),
    ("merge", r"<<", "<"),
):
    for _reads in (_Loader, _Places):  # a class keeps a table of its own once something is added to it
        _reads.add_implicit_resolver(_PREFIX + _tag, re.compile(rf"^(?:{_pattern})$"), list(_first))

_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: text.lower() == "true",
    "null": lambda _: None,
}


class _Builder:
    """Turns nodes into values, keeping lines and collecting mistakes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.errors: list[str] = []
        self.key_lines: dict[Place, int] = {}
        self.value_lines: dict[Place, int] = {}
        self.values = 0

    def build(self, node: yaml.Node, place: Place, depth: int) -> Any:
        self.values += 1
        if self.values > MOST_VALUES or depth > DEEPEST:
            raise ConfigError(self._say(node, place, "aliases make this file too big or endless"))
        self.value_lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == _PREFIX + "seq":
            return [self.build(item, (*place, i), depth + 1) for i, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _scalar(self, node: yaml.Node, place: Place) -> Any:
        read = _SCALARS.get(node.tag.removeprefix(_PREFIX)) if node.tag.startswith(_PREFIX) else None
        if read is None or not isinstance(node, yaml.ScalarNode):
            return self._error(node, place, f'the tag "{node.tag}" is not allowed: write plain values')
        if len(node.value) > 100 and read in (int, float):
            return self._error(node, place, "the number is too long")
        try:
            return read(node.value)
        except ValueError:
            return self._error(node, place, f'not a value of the kind "{node.tag.removeprefix(_PREFIX)}"')

    def _mapping(self, node: yaml.MappingNode, place: Place, depth: int) -> Any:
        if node.tag != _PREFIX + "map":
            return self._error(node, place, f'the tag "{node.tag}" is not allowed: write plain values')
        own: dict[Any, Any] = {}
        inherited: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._error(key_node, place, "a key must be a text, not a list or a group")
            elif key_node.tag == _PREFIX + "merge":
                inherited = {**self._merged(value_node, place, depth), **inherited}
            elif (key := self._key(key_node)) in own:
                first = self.key_lines[(*place, key)]
                self._error(key_node, (*place, key), f"the key is given twice (first in line {first})")
            else:
                self.key_lines[(*place, key)] = key_node.start_mark.line + 1
                own[key] = self.build(value_node, (*place, key), depth + 1)
        return {**inherited, **own}

    def _key(self, node: yaml.ScalarNode) -> str | int:
        plain = node.tag in (_PREFIX + "int", _PREFIX + "bool") and len(node.value) <= 20
        key: str | int = _SCALARS[node.tag.removeprefix(_PREFIX)](node.value) if plain else node.value
        return key

    def _merged(self, node: yaml.Node, place: Place, depth: int) -> dict[Any, Any]:
        """What `<<: *anchor` brings in; of several, the first wins."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[Any, Any] = {}
        for part in parts:
            value = self.build(part, (*place, "<<"), depth + 1)
            if isinstance(value, dict):
                merged = {**value, **merged}
            else:
                self._error(part, (*place, "<<"), "only a group of keys can be merged in")
        return merged

    def _say(self, node: yaml.Node, place: Place, message: str) -> str:
        path = say_place(place)
        return f"{self.name}:{node.start_mark.line + 1}: " + (f"{path}: {message}" if path else message)

    def _error(self, node: yaml.Node, place: Place, message: str) -> None:
        self.errors.append(self._say(node, place, message))


def _say_syntax(name: str, err: yaml.YAMLError) -> str:
    if isinstance(err, yaml.MarkedYAMLError) and err.problem_mark is not None:
        hint = " Indent with spaces." if "\\t" in (err.problem or "") else ""
        what = ", ".join(part for part in (err.context, err.problem) if part)
        return f"{name}:{err.problem_mark.line + 1}: not YAML: {what}.{hint}"
    if isinstance(err, yaml.reader.ReaderError):
        return f"{name}: not YAML: a character that is not allowed at position {err.position}."
    return f"{name}: not YAML."


class _Dumper(yaml.SafeDumper):
    """Writes what is read back as it was, by these rules and by those of YAML 1.1, and lists below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - every value is written out
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    is_block = "\n" in text and text == text.strip() and all(line == line.rstrip() for line in text.split("\n"))
    return dumper.represent_scalar(_PREFIX + "str", text, style="|" if is_block else None)


_Dumper.add_representer(str, _represent_text)
for _first_letter, _found in _Loader.yaml_implicit_resolvers.items():
    for _kind, _rule in _found:
        _Dumper.add_implicit_resolver(_kind, _rule, [_first_letter])


def write_value(value: Any, *, flow: bool = False, open_levels: int = 1) -> str:
    """Plain values as YAML that reads back the same: lines without an end. Innermost groups stand in braces.

    flow         all on one line
    open_levels  so many levels from the outermost on are on lines of their own
    """
    maker = _Dumper(StringIO(), default_flow_style=True if flow else None, sort_keys=False)
    node = maker.represent_data([value] if flow else value)  # within a list, texts are quoted as braces need it
    if not flow:
        _open(node, open_levels)
    text: str = yaml.serialize(node, Dumper=_Dumper, width=100_000, allow_unicode=True)
    text = text.removesuffix("...\n").removesuffix("\n")
    return text[1:-1] if flow else text


def _open(node: yaml.Node, levels: int) -> None:
    if levels and isinstance(node, yaml.CollectionNode) and node.value:
        node.flow_style = False
        for part in node.value:
            _open(part[1] if isinstance(part, tuple) else part, levels - 1)


def show(value: Any) -> str:
    """A found value, short enough for a message."""
    if isinstance(value, dict):
        return "a group of keys"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    short = text if len(text) <= 60 else text[:57] + "…"
    return f'"{short}"' if isinstance(value, str) else short
