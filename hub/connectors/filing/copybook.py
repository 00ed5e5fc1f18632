"""A COBOL copybook as a layout of records: where each field stands, how long it is, how it is written. Strict, pure.

Known     levels 01 to 49, PIC X A 9 S V with repetition, DISPLAY, COMP-3 (PACKED-DECIMAL), COMP, COMP-4, BINARY,
          SIGN LEADING or TRAILING (SEPARATE), OCCURS n TIMES, FILLER; level 88, VALUE and INDEXED BY say nothing
          of the layout and are passed over
Refused   with line and reason: REDEFINES and level 66 (one place, two meanings), OCCURS DEPENDING ON (no fixed
          length), COMP-1, COMP-2, COMP-5 (the machine's own form), SYNCHRONIZED, pictures made for printing, COPY

Source    IBM Enterprise COBOL for z/OS, Language Reference
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

LONGEST = 32_760  # bytes of a record on a mainframe
MOST = 10_000  # fields of a record, repetitions counted
COMMENT = "*/"  # in column 7
BINARY_SIZES = ((4, 2), (9, 4), (18, 8))  # digits up to, bytes

TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|[^\s'\"]+")
PICTURE = re.compile(r"(S?)((?:[9](?:\(\d+\))?)*)(?:V((?:9(?:\(\d+\))?)*))?")
TEXT = re.compile(r"(?:[XA9](?:\(\d+\))?)+")
UNIT = re.compile(r"[XA9](?:\((\d+)\))?")
USAGES = {
    "DISPLAY": "display",
    "COMP-3": "packed",
    "COMPUTATIONAL-3": "packed",
    "PACKED-DECIMAL": "packed",
    "COMP": "binary",
    "COMP-4": "binary",
    "BINARY": "binary",
    "COMPUTATIONAL": "binary",
    "COMPUTATIONAL-4": "binary",
}
REFUSED = {
    "REDEFINES": "gives one place two meanings: describe the one that is used",
    "RENAMES": "gives one place two meanings: leave it out",
    "DEPENDING": "makes records of several lengths, which are not read",
    "COMP-1": "is a floating-point number, which is not read",
    "COMP-2": "is a floating-point number, which is not read",
    "COMP-5": "depends on the machine: write COMP if the bytes are the highest first",
    "SYNC": "inserts bytes by the machine's rules: describe them as FILLER",
    "SYNCHRONIZED": "inserts bytes by the machine's rules: describe them as FILLER",
    "POINTER": "is no value",
    "COPY": "names another file: put its lines here",
}


class LayoutError(ValueError):
    """What is wrong with a copybook, with its line."""


@dataclass(frozen=True, slots=True)
class Picture:
    """How one value is written.

    kind      text, display, packed or binary
    digits    of a number; `decimals` of them behind the point
    sign      none, over (in the last or first digit) or apart (a byte of its own); `leading`: at the beginning
    """

    kind: str
    length: int
    digits: int = 0
    decimals: int = 0
    sign: str = "none"
    leading: bool = False


@dataclass(slots=True)
class Node:
    """A line of the copybook with those below it. `picture` is None for a group."""

    level: int
    name: str
    line: int
    picture: Picture | None = None
    times: int = 1
    repeats: bool = False
    children: list[Node] = field(default_factory=list)

    @property
    def length(self) -> int:
        """Of one occurrence."""
        return self.picture.length if self.picture else sum(each.length * each.times for each in self.children)


def parse_copybook(text: str) -> Node:
    """The record that the copybook describes; LayoutError names the line."""
    root = Node(0, "", 0)
    open_groups = [root]
    for line, words in _sentences(text):
        node = _node(line, words)
        if node is None:
            continue
        while open_groups[-1].level >= node.level:
            open_groups.pop()
        parent = open_groups[-1]
        if parent.picture is not None:
            raise LayoutError(f"line {node.line}: {node.name} stands below {parent.name}, which has a picture")
        if parent.children and parent.children[0].level != node.level:
            raise LayoutError(f"line {node.line}: {node.name} has level {node.level} beside {parent.children[0].level}")
        parent.children.append(node)
        open_groups.append(node)
    _judge(root)
    return root


def _judge(root: Node) -> None:
    if not root.children:
        raise LayoutError("line 1: it describes no field")
    if len(root.children) > 1 and root.children[0].level == 1:
        raise LayoutError(f"line {root.children[1].line}: a second record: one layout describes one kind of record")
    for node in _walk(root):
        if node.picture is None and not node.children:
            raise LayoutError(f"line {node.line}: {node.name} has neither a picture nor fields below it")
    _judge_names(root.children)
    if root.length > LONGEST:
        raise LayoutError(f"line 1: a record has {root.length} bytes; at most {LONGEST} are read")


def _judge_names(nodes: Sequence[Node]) -> None:
    """Names of a record, or of one item of a repeated group, are different."""
    met: dict[str, int] = {}

    def meet(node: Node) -> None:
        if node.children and not node.repeats:
            for child in node.children:
                meet(child)
            return
        if node.name != "FILLER":
            if node.name in met:
                raise LayoutError(f"line {node.line}: {node.name} is named in line {met[node.name]} too: rename one")
            met[node.name] = node.line
        if node.children:
            _judge_names(node.children)

    for node in nodes:
        meet(node)


def _walk(node: Node) -> Iterator[Node]:
    for child in node.children:
        yield child
        yield from _walk(child)


# --- sentences ------------------------------------------------------------------------------------


def _sentences(text: str) -> Iterator[tuple[int, list[str]]]:
    """Words up to a period, with the line of the first. Columns 1 to 6 and beyond 72 are the editor's."""
    words: list[str] = []
    first = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        for word in TOKEN.findall(_code(raw)):
            first = first if words else number
            ends = word.endswith(".") and word[0] not in "'\""
            if bare := word.removesuffix(".") if ends else word:
                words.append(bare if bare[0] in "'\"" else bare.upper().removesuffix(","))
            if ends and words:
                yield first, words
                words = []
    if words:
        raise LayoutError(f"line {first}: the sentence has no period at its end")


def _code(raw: str) -> str:
    """A line without comments and the columns of the editor."""
    line = raw.expandtabs(8).rstrip()
    if len(line) > 6 and line[6] in COMMENT and not line[:6].strip().isalpha():
        return ""
    if re.match(r"[0-9]{6}[ D]|[ ]{6}[ D]", line) or (len(line) > 72 and not line[:6].strip()):
        line = line[7:72]
    if line.lstrip().startswith("*"):
        return ""
    return line.split("*>", 1)[0]


def _node(line: int, words: Sequence[str]) -> Node | None:
    if words[0] == "COPY":
        raise LayoutError(f"line {line}: COPY {REFUSED['COPY']}")
    if not words[0].isdigit():
        raise LayoutError(f"line {line}: {words[0][:20]} is no level number")
    level = int(words[0])
    if level == 88:
        return None
    if level == 66:
        raise LayoutError(f"line {line}: level 66 {REFUSED['RENAMES']}")
    if not (1 <= level <= 49 or level == 77):
        raise LayoutError(f"line {line}: there is no level {level}")
    rest = list(words[1:])
    unnamed = not rest or rest[0] in ("PIC", "PICTURE", "OCCURS", "USAGE", "VALUE") or rest[0] in USAGES
    name = "FILLER" if unnamed else rest.pop(0)
    if re.fullmatch(r"[A-Z0-9]([A-Z0-9_-]*[A-Z0-9])?", name) is None:
        raise LayoutError(f"line {line}: {name[:40]} is no name")
    return _Clauses(line, name, rest).node(1 if level == 77 else level)


class _Clauses:
    """What follows the name of a field, word after word."""

    def __init__(self, line: int, name: str, words: list[str]) -> None:
        self._line, self._name, self._words = line, name, words
        self._picture = ""
        self._usage = "display"
        self._sign = ""
        self._apart = False
        self._times = 0

    def node(self, level: int) -> Node:
        while self._words:
            self._clause(self._words.pop(0))
        picture = None
        if self._picture:
            picture = self._made()
        elif self._usage != "display" or self._sign:
            raise self._error("has a usage or sign without a picture: write it on each field below")
        return Node(level, self._name, self._line, picture, max(1, self._times), self._times > 0)

    def _clause(self, word: str) -> None:
        if word in REFUSED:
            raise self._error(f"{word} {REFUSED[word]}")
        if word in ("PIC", "PICTURE"):
            self._skip("IS")
            self._picture = self._next(word)
        elif word == "USAGE":
            self._skip("IS")
            if self._words and self._words[0] not in USAGES and self._words[0] not in REFUSED:
                raise self._error(f"USAGE {self._words[0]} is not known")
        elif word in USAGES:
            self._usage = USAGES[word]
        elif word == "OCCURS":
            self._occurs()
        elif word in ("SIGN", "LEADING", "TRAILING", "SEPARATE"):
            self._signed(word)
        elif word in ("VALUE", "VALUES"):
            self._skip("IS", "ARE")
            self._next(word)
        elif word in ("JUST", "JUSTIFIED", "RIGHT", "BLANK", "WHEN", "ZERO", "ZEROS", "ZEROES"):
            return
        else:
            raise self._error(f"{word[:30]} is not known here")

    def _occurs(self) -> None:
        count = self._next("OCCURS")
        if not count.isdigit() or int(count) < 1 or "TO" in self._words[:1]:
            raise self._error("OCCURS takes a number of times")
        self._times = int(count)
        if self._times > MOST:
            raise self._error(f"OCCURS more than {MOST} times")
        self._skip("TIMES")
        while self._words and self._words[0] in ("ASCENDING", "DESCENDING", "KEY", "IS", "INDEXED", "BY"):
            if self._words.pop(0) in ("BY", "IS") and self._words:
                self._words.pop(0)

    def _signed(self, word: str) -> None:
        if word in ("LEADING", "TRAILING"):
            self._sign = word
        elif word == "SEPARATE":
            self._apart = True
            self._skip("CHARACTER")
        else:
            self._skip("IS")

    def _made(self) -> Picture:
        found = PICTURE.fullmatch(self._picture)
        if found is None or not (found[2] or found[3]):
            if TEXT.fullmatch(self._picture) is None:
                raise self._error(f"PIC {self._picture[:30]} is not read; known are X A 9 S V")
            return Picture("text", _count(self._picture))
        decimals = _count(found[3] or "")
        digits = _count(found[2]) + decimals
        if digits > 31:
            raise self._error("has more than 31 digits")
        sign = "none" if not found[1] else "apart" if self._apart else "over"
        length = digits + (sign == "apart")
        if self._usage == "packed":
            length = digits // 2 + 1
        elif self._usage == "binary":
            length = next((size for most, size in BINARY_SIZES if digits <= most), 0)
            if not length:
                raise self._error("has more than 18 digits in binary")
        return Picture(self._usage, length, digits, decimals, sign, self._sign == "LEADING")

    def _next(self, after: str) -> str:
        if not self._words:
            raise self._error(f"{after} is followed by nothing")
        return self._words.pop(0)

    def _skip(self, *words: str) -> None:
        if self._words and self._words[0] in words:
            self._words.pop(0)

    def _error(self, what: str) -> LayoutError:
        return LayoutError(f"line {self._line}: {self._name}: {what}")


def _count(picture: str) -> int:
    return sum(int(found[1] or 1) for found in UNIT.finditer(picture))
