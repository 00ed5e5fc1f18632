"""A configuration file with only some of its keys changed: every other byte of it stays. Pure.

The text is cut and joined where its nodes stand, instead of being written anew from what was read: comments,
order, quoting, spacing and line ends are the author's. What comes out is read again and compared with what
it must mean, so a place that cannot be cut cleanly is refused rather than damaged.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import yaml

from hub.document import Alias, Place, compose, parse_document, say_place, write_value
from hub.errors import ConfigError

LONGEST_NUMBER = 20  # characters; a longer key is a text
STEP = 2  # columns that an inner group is indented by


class _Removed:
    def __repr__(self) -> str:
        return "REMOVED"


REMOVED: Final = _Removed()


@dataclass(frozen=True, slots=True)
class Change:
    """path   keys and positions from the top of the file; a position one after the last adds to a list
    value  plain values, or REMOVED
    open   a group that is added stands on lines of its own, also where it would fit into braces
    """

    path: Place
    value: Any
    open: bool = False


def changed(text: str, changes: Sequence[Change]) -> str:
    """The text with these keys changed, one after the other, and nothing else.

    Groups and lists are changed key by key, so that comments within them stay. Groups that are missing on the way
    are made. ConfigError when a place cannot be changed without touching others, such as one behind an alias.
    """
    for change in changes:
        for step in _steps(change, _data(text)):
            text = _step(text, step)
    return text


def difference(before: str, after: str, name: str) -> str:
    """As a unified diff; empty when nothing differs."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="")
    return "\n".join(lines)


# --- what is to be done -----------------------------------------------------------------------------


@lru_cache(4)
def _data(text: str) -> Any:
    """Read only: each text is asked for several times while it is changed."""
    return parse_document(text, "the file").data


def _steps(change: Change, data: Any) -> Iterator[Change]:
    """The smallest changes that come to the same: of single values, and of entries added or removed."""
    there, now = _at(data, change.path)
    new = change.value
    if change.path and there and isinstance(now, dict) and isinstance(new, dict) and now and new:
        yield from _of_group(change.path, now, new)
    elif change.path and there and isinstance(now, list) and isinstance(new, list) and now and new:
        yield from _of_list(change.path, now, new)
    elif isinstance(new, _Removed):
        if there:
            yield change
    elif not there or not _same(now, new):
        yield change


def _of_group(path: Place, now: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[Change]:
    for key in new:
        yield from _steps(Change((*path, key), new[key]), _within(path, now))
    for key in now:
        if key not in new:
            yield Change((*path, key), REMOVED)


def _of_list(path: Place, now: Sequence[Any], new: Sequence[Any]) -> Iterator[Change]:
    for i in range(min(len(now), len(new))):
        yield from _steps(Change((*path, i), new[i]), _within(path, now))
    for i in range(len(now), len(new)):
        yield Change((*path, i), new[i])
    for i in range(len(now) - 1, len(new) - 1, -1):
        yield Change((*path, i), REMOVED)


def _within(path: Place, value: Any) -> Any:
    """A value that holds this one at the path: what else there is does not matter."""
    for part in reversed(path):
        value = {part: value}
    return value


def _at(data: Any, path: Place) -> tuple[bool, Any]:
    for part in path:
        in_list = isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data)
        if not in_list and not (isinstance(data, dict) and part in data):
            return False, None
        data = data[part]
    return True, data


def _same(a: Any, b: Any) -> bool:
    """Equal, and of one type: 1, 1.0 and true are three values."""
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and bool(a == b)


def _meant(data: Any, path: Place, value: Any) -> Any:
    """The data after the change."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    data = [] if data is None and key == 0 and isinstance(key, int) else data
    if isinstance(data, list) and isinstance(key, int):
        items = list(data)
        if isinstance(value, _Removed) and not rest:
            del items[key]
        elif key == len(items):
            items.append(_meant(None, rest, value))
        else:
            items[key] = _meant(items[key], rest, value)
        return items
    group = dict(data) if isinstance(data, dict) else {}
    if isinstance(value, _Removed) and not rest:
        group.pop(key, None)
    else:
        group[key] = _meant(group.get(key), rest, value)
    return group


# --- how it is done ---------------------------------------------------------------------------------


def _step(text: str, change: Change) -> str:
    before = _data(text)
    refused = ConfigError(
        f"{say_place(change.path) or 'The file'} cannot be changed without touching what stands around it (an alias, "
        "or an unusual form), so nothing was changed. Change the file with an editor."
    )
    try:
        after = _Text(text, 2 if change.open else 1).with_change(change.path, change.value)
        found = _data(after)
    except (_Unusual, ConfigError) as err:
        raise refused from err
    meant = _meant(before, change.path, change.value)
    if not _same(_orderless(found), _orderless(meant)):
        raise refused
    return after


def _orderless(value: Any) -> Any:
    """Groups by their keys; an empty file is an empty group."""
    if isinstance(value, dict):
        return {key: _orderless(value[key]) for key in sorted(value, key=lambda key: (str(type(key)), key))}
    if isinstance(value, list):
        return [_orderless(item) for item in value]
    return value


class _Unusual(Exception):
    """The text has a form that is not cut."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a group or a list. begin: where its key, or the dash before it, stands"""

    begin: int
    key: yaml.Node | None
    value: yaml.Node


class _Text:
    def __init__(self, text: str, open_levels: int) -> None:
        self.text = text
        self.open_levels = open_levels
        self.end_of_line = "\r\n" if "\r\n" in text else "\n"

    def with_change(self, path: Place, value: Any) -> str:
        try:
            root = compose(self.text)
        except ValueError as err:
            raise _Unusual from err
        if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
            return self._appended(value, path)
        return self._changed(root, path, value)

    def _appended(self, value: Any, path: Place) -> str:
        """To a file that holds comments at most."""
        if isinstance(value, _Removed):
            raise _Unusual
        kept = self.text if not self.text or self.text.endswith("\n") else self.text + self.end_of_line
        return kept + self._lines(_wrapped(path, value), 0) + self.end_of_line

    def _changed(self, root: yaml.Node, path: Place, value: Any) -> str:
        """Goes down as far as the path is there, and changes, adds or removes at that place."""
        parent: yaml.Node = root
        holder: tuple[yaml.Node, _Entry] | None = None  # what holds the parent, and as which entry
        for depth, part in enumerate(path):
            entry = self._entry(parent, part)
            rest = path[depth + 1 :]
            if entry is None or (rest and _is_empty(entry.value)):
                if isinstance(value, _Removed):
                    raise _Unusual
                if entry is not None:
                    return self._replaced(parent, entry, _wrapped(rest, value))
                return self._added(parent, holder, part, _wrapped(rest, value))
            if not rest:
                if isinstance(value, _Removed):
                    return self._removed(parent, holder, entry)
                return self._replaced(parent, entry, value)
            holder, parent = (parent, entry), entry.value
        raise _Unusual

    # --- places -----------------------------------------------------------------------------------

    def _entries(self, node: yaml.Node) -> list[_Entry]:
        if isinstance(node, yaml.MappingNode):
            return [_Entry(key.start_mark.index, key, value) for key, value in node.value]
        if isinstance(node, yaml.SequenceNode):
            return [_Entry(self._dash(node, item), None, item) for item in node.value]
        raise _Unusual

    def _dash(self, node: yaml.SequenceNode, item: yaml.Node) -> int:
        if node.flow_style:
            return int(item.start_mark.index)
        return self.text.rindex("-", 0, item.start_mark.index)

    def _entry(self, node: yaml.Node, part: str | int) -> _Entry | None:
        entries = self._entries(node)
        if isinstance(node, yaml.SequenceNode):
            if not isinstance(part, int) or not 0 <= part <= len(entries):
                raise _Unusual
            return entries[part] if part < len(entries) else None
        for entry in entries:
            if isinstance(entry.key, yaml.ScalarNode) and _key_of(entry.key) == part:
                return entry
        return None

    def _end(self, node: yaml.Node) -> int:
        """Where a node's own text ends, without blank lines and comments after it."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            entries = self._entries(node)
            return self._end(entries[-1].value) if entries else int(node.end_mark.index)
        end = int(node.end_mark.index)
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            header = self.text[node.start_mark.index : self._line_end(node.start_mark.index)]
            return end if "+" in header else len(self.text[:end].rstrip())
        return end

    def _line_end(self, at: int) -> int:
        """Before the line's end; of the line before, where `at` begins a line."""
        if at and self.text[at - 1] == "\n":
            return at - (2 if self.text[at - 2 : at] == "\r\n" else 1)
        found = self.text.find("\n", at)
        end = len(self.text) if found < 0 else found
        return end - 1 if end > at and self.text[end - 1] == "\r" else end

    def _after_line(self, at: int) -> int:
        found = self.text.find("\n", at)
        return len(self.text) if found < 0 else found + 1

    def _line_begin(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def _column(self, at: int) -> int:
        return at - self._line_begin(at)

    # --- cuts -------------------------------------------------------------------------------------

    def _replaced(self, parent: yaml.Node, entry: _Entry, value: Any) -> str:
        node = entry.value
        begin, end = int(node.start_mark.index), self._end(node)
        if parent.flow_style:  # type: ignore[attr-defined]  # of groups and lists, and nothing else has entries
            written = write_value(value, flow=True)
            return self.text[:begin] + (written if end > begin else f" {written}") + self.text[end:]
        mark = self._mark_end(entry)
        indent = self._column(entry.begin) + STEP
        is_inline = "\n" not in self.text[mark:begin] and not _is_block(node)
        if isinstance(value, dict | list) and value:
            rest = self.text[end : self._line_end(end)] if is_inline else self._after_mark(node, mark)
            lines = self._lines(value, indent)
            if entry.key is None:
                return self.text[:mark] + " " + lines.lstrip() + rest + self.text[self._line_end(end) :]
            return self.text[:mark] + rest + self.end_of_line + lines + self.text[self._line_end(end) :]
        written = self._inline(value, indent)
        if is_inline:
            return self.text[: begin if end > begin else mark] + written[end > begin :] + self.text[end:]
        return self.text[:mark] + written + self._after_mark(node, mark).rstrip() + self.text[end:]

    def _after_mark(self, node: yaml.Node, mark: int) -> str:
        """The comment that stands beside a key whose value begins below it."""
        if _is_block_scalar(node) or "\n" not in self.text[mark : node.start_mark.index]:
            return ""
        return self.text[mark : self._line_end(mark)]

    def _mark_end(self, entry: _Entry) -> int:
        """After the `:` of a key or the `-` of an item."""
        if entry.key is None:
            return entry.begin + 1
        at = int(entry.key.end_mark.index)
        gap = self.text[at : at + 40]
        if not gap.lstrip(" ").startswith(":"):
            raise _Unusual
        return at + gap.index(":") + 1

    def _inline(self, value: Any, indent: int) -> str:
        """` value`, to stand after a key; a text of several lines goes on below it."""
        first, *more = write_value(value).split("\n")
        return " " + self.end_of_line.join([first, *(_indented(line, indent - STEP) for line in more)])

    def _added(self, parent: yaml.Node, holder: tuple[yaml.Node, _Entry] | None, part: str | int, value: Any) -> str:
        entries = self._entries(parent)
        wrapped: Any = [value] if isinstance(parent, yaml.SequenceNode) else {part: value}
        if not entries:
            return self._replaced(*holder, wrapped) if holder else self._root(parent, wrapped)
        last = self._end(entries[-1].value)
        if parent.flow_style:  # type: ignore[attr-defined]
            return self.text[:last] + ", " + write_value(wrapped, flow=True)[1:-1] + self.text[last:]
        at = self._line_end(last)
        lines = self._lines(wrapped, self._column(entries[0].begin))
        return self.text[:at] + self.end_of_line + lines + self.text[at:]

    def _root(self, node: yaml.Node, value: Any) -> str:
        """In the place of `{}` as the whole file."""
        return self.text[: node.start_mark.index] + self._lines(value, 0) + self.text[node.end_mark.index :]

    def _removed(self, parent: yaml.Node, holder: tuple[yaml.Node, _Entry] | None, entry: _Entry) -> str:
        entries = self._entries(parent)
        place = next(i for i, each in enumerate(entries) if each.begin == entry.begin)
        end = self._end(entry.value)
        if len(entries) == 1:
            empty: Any = [] if isinstance(parent, yaml.SequenceNode) else {}
            if holder:
                return self._replaced(*holder, empty)
            return self.text[: self._line_begin(entry.begin)] + "{}" + self.text[self._line_end(end) :]
        if parent.flow_style:  # type: ignore[attr-defined]
            if place:
                return self.text[: self._end(entries[place - 1].value)] + self.text[end:]
            return self.text[: entry.begin] + self.text[entries[1].begin :]
        begin = self._line_begin(entry.begin)
        if self.text[begin : entry.begin].strip(" "):  # after the dash of the item that it is part of
            return self.text[: entry.begin] + self.text[entries[place + 1].begin :]
        return self.text[:begin] + self.text[self._after_line(self._line_end(end)) :]

    def _lines(self, value: Any, indent: int) -> str:
        written = write_value(value, open_levels=self.open_levels + (indent == 0))
        return self.end_of_line.join(_indented(line, indent) for line in written.split("\n"))


def _indented(line: str, indent: int) -> str:
    return " " * indent + line if line else line


def _wrapped(path: Place, value: Any) -> Any:
    for part in reversed(path):
        value = [value] if part == 0 and isinstance(part, int) else {part: value}
    return value


def _key_of(node: yaml.ScalarNode) -> str | int | None:
    """The key as it is read; None for `<<`, which is none."""
    kind = node.tag.rpartition(":")[2]
    if kind == "bool" or (kind == "int" and len(node.value) <= LONGEST_NUMBER):
        return node.value.lower() == "true" if kind == "bool" else int(node.value)
    return None if kind == "merge" else str(node.value)


def _is_empty(node: yaml.Node) -> bool:
    if isinstance(node, yaml.CollectionNode):
        return not node.value
    return not isinstance(node, Alias) and isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")


def _is_block_scalar(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")


def _is_block(node: yaml.Node) -> bool:
    """Whether it stands on lines below its key."""
    return _is_block_scalar(node) or (isinstance(node, yaml.CollectionNode) and not node.flow_style)
