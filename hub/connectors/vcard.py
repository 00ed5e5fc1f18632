"""vCards 2.1, 3.0 and 4.0 as lists of content lines, in which all that is not understood stays as it is.

Why not vobject: it reads and writes a card as a tree of what it knows. Lines come out in its own order, escapes
and parameters in its own spelling, a 2.1 card is not its trade, and its types are untyped. The hub changes four
lines of a card that belongs to somebody's phone and must hand back all others: so a card is here a row of lines,
each with the text it came with, and only a line whose value changes is written anew. What is left to write is
small: unfolding, one escape rule, and parameters.

Source   RFC 6350 (4.0), RFC 2426 (3.0), the vCard 2.1 specification
Unfolds  bytes, not characters: old programs fold in the middle of one
Folds    at 75 octets, never inside a character
2.1      is read (quoted-printable, CHARSET, bare types) and never written anew: a changed line keeps the style
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

FOLD = 75  # octets of a line, without its line break
_HEAD = re.compile(r"(?:(?P<group>[A-Za-z0-9_-]+)\.)?(?P<name>[A-Za-z0-9_-]+)")
_ESCAPE = str.maketrans({"\\": "\\\\", "\n": "\\n", ",": "\\,", ";": "\\;", "\r": None})
_PARAM_ESCAPE = str.maketrans({"^": "^^", "\n": "^n", '"': "^'"})  # RFC 6868
_PARAM_READ = {"^^": "^", "^n": "\n", "^N": "\n", "^'": '"'}
_TEXT_READ = re.compile(r"\\(.)", re.S)


Params = tuple[tuple[str, tuple[str, ...]], ...]


class VCardError(ValueError):
    """The text is not a vCard. The message holds nothing of the text."""


@dataclass(frozen=True, slots=True)
class Line:
    """One content line.

    name    in capitals; `group` as written
    params  (NAME, values); a bare type of 2.1 is one of TYPE
    value   as written, escaped, but not folded and not quoted-printable
    raw     the whole line as it came, unfolded; empty: it is to be written from the parts
    """

    name: str
    value: str
    params: Params = ()
    group: str = ""
    raw: str = ""

    def all(self, param: str) -> list[str]:
        return [value for name, values in self.params if name == param for value in values]

    @property
    def types(self) -> tuple[str, ...]:
        """In small letters; `TYPE="work,voice"` is two, as some programs quote the list."""
        return _types(self.params) if self.params else ()

    @property
    def text(self) -> str:
        return unescape(self.value)

    @property
    def parts(self) -> list[str]:
        """The parts of a structured value (N, ADR, ORG), still escaped."""
        return split(self.value, ";")

    @property
    def items(self) -> list[str]:
        """The texts of a list (CATEGORIES, NICKNAME)."""
        return [unescape(each) for each in split(self.value, ",")]

    def with_value(self, value: str) -> Line:
        """The same line with another value (escaped); charset and encoding go, since text is UTF-8 now."""
        if value == self.value:
            return self
        params = tuple(
            (name, values) for name, values in self.params if name not in {"CHARSET", "ENCODING"} or is_binary(self)
        )
        return replace(self, value=value, params=params, raw="")

    def with_types(self, types: Sequence[str]) -> Line:
        """The same line with these values of TYPE, in one parameter where the old ones stood."""
        rest = [param for param in self.params if param[0] != "TYPE"]
        at = next((number for number, param in enumerate(self.params) if param[0] == "TYPE"), len(rest))
        if types:
            rest.insert(at, ("TYPE", tuple(types)))
        return replace(self, params=tuple(rest), raw="")

    def written(self) -> str:
        if self.raw:
            return self.raw
        head = f"{self.group}.{self.name}" if self.group else self.name
        params = "".join(f";{name}={','.join(map(_param_text, values))}" for name, values in self.params)
        return f"{head}{params}:{self.value}"


@lru_cache(maxsize=1024)  # all cards of a book have the same few
def _types(params: Params) -> tuple[str, ...]:
    values = (value for name, values in params if name == "TYPE" for value in values)
    return tuple(part.strip().lower() for value in values for part in value.split(",") if part.strip())


@dataclass(frozen=True)
class Card:
    """All lines between BEGIN and END, in their order."""

    lines: tuple[Line, ...]

    @cached_property
    def _by_name(self) -> dict[str, list[Line]]:
        found: dict[str, list[Line]] = {}
        for line in self.lines:
            found.setdefault(line.name, []).append(line)
        return found

    @property
    def version(self) -> str:
        return self.first_text("VERSION") or "3.0"

    def named(self, name: str) -> list[Line]:
        return self._by_name.get(name, [])

    def first(self, name: str) -> Line | None:
        found = self._by_name.get(name)
        return found[0] if found else None

    def first_text(self, name: str) -> str:
        line = self.first(name)
        return line.text.strip() if line else ""

    def written(self) -> str:
        """The card as it is sent: folded, with CRLF."""
        lines = ["BEGIN:VCARD", *(line.written() for line in self.lines), "END:VCARD"]
        return "".join(f"{folded}\r\n" for line in lines for folded in fold(line))


# --- reading ----------------------------------------------------------------------------------------


def parse(data: bytes | str, encoding: str = "utf-8") -> Card:
    """The one card of a text. VCardError when it is none, or several."""
    if isinstance(data, str) and encoding == "utf-8" and (card := plain_card(data)) is not None:
        return card
    cards = parse_all(data, encoding)
    if len(cards) != 1:
        raise VCardError(f"it holds {len(cards)} cards where one belongs")
    return cards[0]


def plain_card(text: str) -> Card | None:
    """The card of a text in which every line is of the usual kind; None: it is left to `parse_all`.

    Nearly all cards of an address book are, and are read in a fifth of the time.
    """
    lines = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "").rstrip("\n").split("\n")
    if lines[0] != "BEGIN:VCARD" or lines[-1] != "END:VCARD" or "\r" in text.replace("\r\n", ""):
        return None
    found: list[Line] = []
    for line in lines[1:-1]:
        head, colon, value = line.partition(":")
        known = _plain_head(head) if colon else None
        if known is None:
            return None
        found.append(Line(known[1], value, known[2], known[0], line))
    return Card(tuple(found)) if _is_sound(text) else None


def _is_sound(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=4096)  # all cards of a book have the same few
def _plain_head(head: str) -> tuple[str, str, Params] | None:
    """Group, name and parameters; None where quotation marks or a charset make the line another kind."""
    if '"' in head or "QUOTED-PRINTABLE" in head.upper():
        return None
    try:
        (group, name), params = _head(head, 0)
    except VCardError:
        return None
    if name in {"BEGIN", "END"} or any(each == "CHARSET" for each, _ in params):
        return None
    return group, name, params


def parse_all(data: bytes | str, encoding: str = "utf-8") -> list[Card]:
    """Every card of a text.

    encoding  of lines that name no CHARSET
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    cards: list[Card] = []
    lines: list[Line] | None = None
    depth = 0  # a card within a card (AGENT of 2.1) is kept as lines of the outer one
    for number, content in enumerate(unfold(raw), start=1):
        word = content.strip().upper()
        if word == b"BEGIN:VCARD":
            depth += 1
            if depth == 1:
                lines = []
                continue
        if lines is None:
            if word:
                raise VCardError(f"line {number} is not inside BEGIN:VCARD and END:VCARD")
            continue
        if word == b"END:VCARD":
            depth -= 1
            if depth == 0:
                cards.append(Card(tuple(lines)))
                lines = None
                continue
        if word:
            lines.append(_line(content, encoding, number) if depth == 1 else _kept(content, encoding, number))
    if lines is not None:
        raise VCardError("END:VCARD is missing: the card is cut off")
    return cards


def unfold(data: bytes) -> Iterator[bytes]:
    """Content lines: a line break before a blank is none, and neither is a soft one of quoted-printable."""
    held: bytes | None = None
    soft = False
    for line in data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        if held is not None and soft:
            held += b"\n" + line.lstrip(b" \t")
        elif held is not None and line[:1] in {b" ", b"\t"}:
            held += line[1:]
        else:
            if held is not None:
                yield held
            held = line
        soft = held.endswith(b"=") and b"QUOTED-PRINTABLE" in held.partition(b":")[0].upper()
    if held is not None:
        yield held


def _line(content: bytes, encoding: str, number: int) -> Line:
    head, value = _halves(content)
    name, params = _head(_decoded(head, encoding, number), number)
    line = Line(name[1], "", params, name[0])
    charset = next(iter(line.all("CHARSET")), encoding)
    if "QUOTED-PRINTABLE" in {each.upper() for each in line.all("ENCODING")}:
        plain = binascii.a2b_qp(value.replace(b"=\n", b""))
        text = _decoded(plain, charset, number).replace("\r\n", "\n").replace("\n", "\\n")
        return replace(line, value=text, raw=_quoted(content, encoding, number))
    raw = content if charset == encoding else b""
    text = _decoded(value, charset, number)
    written = _decoded(raw, encoding, number) if raw else ""
    if not raw:  # another charset: written anew in UTF-8
        kept = tuple(param for param in params if param[0] != "CHARSET")
        return replace(line, value=text, params=kept)
    return Line(line.name, text, params, line.group, written)


def _quoted(content: bytes, encoding: str, number: int) -> str:
    """A quoted-printable line on one line: soft breaks are joined again."""
    return _decoded(content.replace(b"=\n", b""), encoding, number)


def _kept(content: bytes, encoding: str, number: int) -> Line:
    return Line("", "", raw=_decoded(content, encoding, number))


def _decoded(data: bytes, charset: str, number: int) -> str:
    try:
        return data.decode(charset)
    except (UnicodeDecodeError, LookupError) as error:
        raise VCardError(f"line {number} is not text in the charset it should be in") from error


def _halves(content: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the colon that no quotation mark encloses."""
    head, _, value = content.partition(b":")
    if b'"' not in head:
        return head, value
    quoted = False
    for place, byte in enumerate(content):
        if byte == 0x22:
            quoted = not quoted
        elif byte == 0x3A and not quoted:
            return content[:place], content[place + 1 :]
    return content, b""


def _head(head: str, number: int) -> tuple[tuple[str, str], tuple[tuple[str, tuple[str, ...]], ...]]:
    first, *rest = split_quoted(head, ";")
    match = _HEAD.fullmatch(first.strip())
    if match is None:
        raise VCardError(f"line {number} has no name of a property")
    params = []
    for each in rest:
        name, is_named, value = each.partition("=")
        if is_named:
            params.append((name.strip().upper(), tuple(_param_value(part) for part in split_quoted(value, ","))))
        elif name.strip().upper() in {"QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT"}:
            params.append(("ENCODING", (name.strip(),)))
        elif name.strip():
            params.append(("TYPE", (name.strip(),)))
    return (match["group"] or "", match["name"].upper()), tuple(params)


# --- values -----------------------------------------------------------------------------------------


def escape(text: str) -> str:
    return text.replace("\r\n", "\n").translate(_ESCAPE)


def unescape(value: str) -> str:
    if "\\" not in value:
        return value
    return _TEXT_READ.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def split(value: str, mark: str) -> list[str]:
    """Parts between unescaped marks, still escaped."""
    if "\\" not in value:
        return value.split(mark)
    parts, start, skip = [], 0, False
    for place, char in enumerate(value):
        if skip:
            skip = False
        elif char == "\\":
            skip = True
        elif char == mark:
            parts.append(value[start:place])
            start = place + 1
    return [*parts, value[start:]]


def split_quoted(text: str, mark: str) -> list[str]:
    """Parts between marks that no quotation marks enclose."""
    if '"' not in text:
        return text.split(mark)
    parts, start, quoted = [], 0, False
    for place, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == mark and not quoted:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def is_binary(line: Line) -> bool:
    return bool({each.upper() for each in line.all("ENCODING")} & {"B", "BASE64"})


def structured(parts: Iterable[str]) -> str:
    """A structured value of parts that are escaped already."""
    return ";".join(parts)


def _param_value(text: str) -> str:
    if text.isalnum():
        return text
    return re.sub(r"\^[\^nN']", lambda found: _PARAM_READ[found[0]], text.strip().strip('"'))


def _param_text(value: str) -> str:
    text = value.translate(_PARAM_ESCAPE)
    return f'"{text}"' if any(mark in text for mark in ':;,"') else text


# --- writing ----------------------------------------------------------------------------------------


def fold(line: str) -> Iterator[str]:
    """Pieces of at most 75 octets; all but the first begin with a blank."""
    piece: list[str] = []
    size = 0
    for char in line:
        octets = len(char.encode("utf-8", "surrogatepass"))
        if size + octets > FOLD:
            yield "".join(piece)
            piece, size = [" "], 1
        piece.append(char)
        size += octets
    yield "".join(piece)
