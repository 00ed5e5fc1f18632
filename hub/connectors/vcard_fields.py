"""A card as the fields of a record, and fields written into a card that keeps everything else. Pure.

Labels     TYPE work, home, cell ("mobile"), main and other, or Apple's item1.X-ABLabel, which goes before them
Phones     fax, pager, modem and text telephones are no numbers of a person: not shown, never touched
Name       FN follows when parts of N are changed and FN is not: the old words in it become the new ones
Kind       KIND, or what Apple writes instead (X-ABShowAs, X-ADDRESSBOOKSERVER-KIND)
Birthday   without a year it is shown as --MM-DD, which is no date and so never overwritten
Changed    an entry of a list is found again by its value and keeps its line: group, PREF, labels, parameters.
           A new value in place of an old one with the same label keeps the line as well
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hub.connectors.names import with_word
from hub.connectors.vcard import Card, Line, escape, split, structured, unescape
from hub.errors import RecordError
from hub.mapping.countries import country_code
from hub.mapping.text import Unmappable

NAME_PARTS = ("family_name", "given_name", "additional_names", "prefix", "suffix")  # the order within N
ORG_PARTS = ("company", "department")
ADR_PARTS = {"street": 2, "locality": 3, "region": 4, "postcode": 5, "country": 6}  # places within ADR
TEXTS = {"nickname": "NICKNAME", "job_title": "TITLE", "note": "NOTE", "website": "URL", "language": "LANG"}
LISTS = ("emails", "phones", "addresses", "categories")
WRITABLE = frozenset(
    {"kind", "full_name", "birth_date", *NAME_PARTS, *ORG_PARTS, *TEXTS, *LISTS},
)
NO_PHONE = frozenset({"fax", "pager", "modem", "textphone", "tty-tdd", "bbs"})
LABELS = {"work": "work", "home": "home", "cell": "mobile", "main": "main", "other": "other"}
TYPES = {label: word for word, label in LABELS.items()}
GROUP_KIND = "group"
_APPLE_LABEL = re.compile(r"_\$!<(.*)>!\$_", re.S)
_DAY = re.compile(r"(\d{4}|--)-?(\d\d)-?(\d\d)(?:[T ].*)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


# --- reading ----------------------------------------------------------------------------------------


def kind_of(card: Card) -> str:
    """individual, org or group; other kinds as they are."""
    said = card.first_text("KIND") or card.first_text("X-ADDRESSBOOKSERVER-KIND")
    if said:
        return said.lower()
    if card.first_text("X-ABSHOWAS").upper() == "COMPANY":
        return "org"
    has_name = any(_parts(card, "N", 2))
    [company] = _parts(card, "ORG", 1)
    return "org" if company and not has_name and card.first_text("FN") == company else "individual"


def read_fields(card: Card) -> dict[str, Any]:
    """Every field of a card; None where it says nothing."""
    fields: dict[str, Any] = {"kind": kind_of(card), "full_name": card.first_text("FN") or None}
    fields |= dict(zip(NAME_PARTS, _parts(card, "N", len(NAME_PARTS)), strict=True))
    fields |= dict(zip(ORG_PARTS, _parts(card, "ORG", len(ORG_PARTS)), strict=True))
    fields |= {name: card.first_text(prop) or None for name, prop in TEXTS.items()}
    fields["birth_date"] = birth_date(card)
    fields["emails"] = [entry(card, line) for line in emails(card)]
    fields["phones"] = [entry(card, line) for line in phones(card)]
    fields["addresses"] = [shown for line in _by_preference(card.named("ADR")) if (shown := address(line))]
    fields["categories"] = list(dict.fromkeys(text for line in card.named("CATEGORIES") for text in _texts(line)))
    return fields


def birth_date(card: Card) -> str | None:
    line = card.first("BDAY")
    if line is None or not line.text.strip():
        return None
    text = line.text.strip()
    match = _DAY.fullmatch(text)
    if match is None:
        return text
    year, month, day = match.groups()
    if year in line.all("X-APPLE-OMIT-YEAR") or year == "--":
        return f"--{month}-{day}"
    return f"{year}-{month}-{day}"


def emails(card: Card) -> list[Line]:
    return _by_preference(line for line in card.named("EMAIL") if line.text.strip())


def phones(card: Card) -> list[Line]:
    return _by_preference(line for line in card.named("TEL") if line.text.strip() and not NO_PHONE & {*line.types})


def addresses(card: Card) -> list[Line]:
    return _by_preference(line for line in card.named("ADR") if address(line))


def entry(card: Card, line: Line) -> dict[str, Any]:
    label = label_of(card, line)
    return {"value": plain_value(line), **({"label": label} if label else {})}


def plain_value(line: Line) -> str:
    """The number of a tel: URI, the address of a mailto: one; else the text."""
    text = line.text.strip()
    scheme, is_uri, rest = text.partition(":")
    return rest.split(";", 1)[0] if is_uri and scheme.lower() in {"tel", "mailto"} else text


def label_of(card: Card, line: Line) -> str | None:
    labels = card.named("X-ABLABEL") if line.group else ()
    own = next((each for each in labels if _is_label_of(each, line.group)), None)
    if own is not None:
        match = _APPLE_LABEL.fullmatch(own.text.strip())
        text = (match[1] if match else own.text).strip().lower()
        return LABELS.get(text, text) or None
    types = line.types
    if "cell" in types:
        return "mobile"
    return next((LABELS[word] for word in types if word in LABELS), None)


def address(line: Line) -> dict[str, str]:
    """The parts that hold something; post office box and extension only where there is no street."""
    parts = [
        ", ".join(filter(None, map(str.strip, map(unescape, split(part, ","))))) if "," in part else _word(part)
        for part in line.parts
    ]
    parts += [""] * (7 - len(parts))
    shown = {name: parts[place] for name, place in ADR_PARTS.items()}
    shown["street"] = shown["street"] or ", ".join(filter(None, parts[:2]))
    return {name: text for name, text in shown.items() if text}


def _parts(card: Card, name: str, count: int) -> list[str | None]:
    """The first so many parts of a structured line; None where one is empty."""
    line = card.first(name)
    parts = line.parts[:count] if line else []
    texts = map(_words if name == "N" else _word, parts)
    return [*(text or None for text in texts), *[None] * (count - len(parts))]


def _words(part: str) -> str:
    """Several names in one part, as one text."""
    if "," not in part:
        return _word(part)
    return " ".join(filter(None, (unescape(each).strip() for each in split(part, ",")))).strip()


def _word(part: str) -> str:
    return unescape(part).strip()


def _texts(line: Line) -> Iterator[str]:
    return (text.strip() for text in line.items if text.strip())


def _by_preference(lines: Iterable[Line]) -> list[Line]:
    """The preferred one first, however the server sorts them."""
    found = list(lines)
    return sorted(found, key=_preference) if len(found) > 1 else found


def _preference(line: Line) -> int:
    numbers = [int(text) for text in line.all("PREF") if text.isascii() and text.isdigit()]
    return min([*numbers, 1 if "pref" in line.types else 101])


def _is_label_of(line: Line, group: str) -> bool:
    return line.name == "X-ABLABEL" and line.group.lower() == group.lower()


# --- writing ----------------------------------------------------------------------------------------


def new_card(uid: str, version: str, fields: Mapping[str, Any]) -> Card:
    """RecordError without anything that could be its name."""
    start = Card((Line("VERSION", version), Line("UID", escape(uid)), Line("FN", ""), Line("N", ";;;;")))
    card = apply(start, fields)
    if not card.first_text("FN"):
        raise RecordError("A card needs a name: neither a name nor a company was given.")
    return card


def apply(card: Card, fields: Mapping[str, Any]) -> Card:
    """The card with these fields changed, and no other line.

    RecordError when there is no such field, or a value cannot stand in a card.
    """
    unknown = sorted(set(fields) - WRITABLE)
    if unknown:
        raise RecordError(f"A card has no field {unknown[0]!r} that can be written.")
    refuse_control_characters(fields)
    before = read_fields(card)
    changed = {name: value for name, value in fields.items() if (value or None) != (before[name] or None)}
    edit = Edit(card)
    edit.parts("N", {n: changed[name] for n, name in enumerate(NAME_PARTS) if name in changed}, 5)
    edit.parts("ORG", {n: changed[name] for n, name in enumerate(ORG_PARTS) if name in changed}, 1)
    for name, prop in TEXTS.items():
        if name in changed:
            edit.text(prop, changed[name])
    if "birth_date" in changed:
        edit.birth_date(changed["birth_date"])
    if "categories" in changed:
        edit.categories(changed["categories"] or [])
    if "emails" in changed:
        edit.entries("EMAIL", emails(card), changed["emails"] or [])
    if "phones" in changed:
        edit.entries("TEL", phones(card), changed["phones"] or [])
    if "addresses" in changed:
        edit.addresses(addresses(card), changed["addresses"] or [])
    if fields.get("full_name"):
        edit.text("FN", fields["full_name"])
    else:
        edit.follow(before)
    if "kind" in changed:
        edit.kind(changed["kind"])
    return edit.card


def refuse_control_characters(value: Any) -> None:
    """They are not allowed in XML: a card that holds one could never be listed again."""
    for each in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else [value]:
        if isinstance(each, Mapping | list):
            refuse_control_characters(each)
        elif isinstance(each, str) and _CONTROL.search(each):
            raise RecordError("A value holds a control character or broken Unicode, which no card may hold.")


class Edit:
    """A card being changed; `card` is how it stands now."""

    def __init__(self, card: Card) -> None:
        self.card = card

    def text(self, name: str, text: str | None) -> None:
        """The first line of this name; emptied, it goes."""
        line = self.card.first(name)
        if not text:
            self._drop(line)
        elif name == "URL":
            self._put(line, name, text.replace("\n", ""))
        else:
            self._put(line, name, escape(text))

    def parts(self, name: str, texts: Mapping[int, str | None], least: int) -> None:
        if not texts:
            return
        line = self.card.first(name)
        parts = line.parts if line else []
        parts += [""] * (max(least, *(number + 1 for number in texts)) - len(parts))
        for number, text in texts.items():
            parts[number] = escape(text or "")
        while len(parts) > least and not parts[-1]:
            parts.pop()
        if name != "N" and not any(parts):
            self._drop(line)
        else:
            self._put(line, name, structured(parts))

    def birth_date(self, text: str | None) -> None:
        line = self.card.first("BDAY")
        if not text:
            self._drop(line)
            return
        value = text.replace("-", "") if self.card.version == "4.0" else text
        if line is not None:
            kept = tuple(param for param in line.params if param[0] != "X-APPLE-OMIT-YEAR")
            self._swap(line, replace(line, params=kept, value=value, raw=""))
        else:
            self._put(None, "BDAY", value)

    def categories(self, texts: Sequence[str]) -> None:
        lines = self.card.named("CATEGORIES")
        for line in lines[1:] if texts else lines:
            self._drop(line)
        if texts:
            self._put(self.card.first("CATEGORIES"), "CATEGORIES", ",".join(map(escape, texts)))

    def kind(self, kind: str | None) -> None:
        wanted = kind if kind in {"org", "individual"} else "individual"
        if self.card.first("KIND") is not None or (self.card.version == "4.0" and wanted == "org"):
            self.text("KIND", wanted)
        elif wanted == "org":
            self.text("X-ABSHOWAS", "COMPANY")
        else:
            self.text("X-ABSHOWAS", None)

    def follow(self, before: Mapping[str, Any]) -> None:
        """FN after its parts: an FN of somebody's own, such as `Dr. Ann Lee (Sales)`, keeps what is not a name."""
        now = read_fields(self.card)
        name = now["full_name"] or ""
        for part in ("given_name", "family_name", *(["company"] if before["kind"] == "org" else [])):
            old, new = before[part] or "", now[part] or ""
            if old and old != new:
                name = with_word(name, old, new)
        if not before["full_name"] or not name.strip():
            order = ("prefix", "given_name", "additional_names", "family_name", "suffix")
            name = " ".join(filter(None, (now[part] for part in order))) or now["company"] or name
        name = " ".join(name.split())
        if name and name != now["full_name"]:
            self.text("FN", name)

    # --- lists ------------------------------------------------------------------------------------

    def entries(self, name: str, lines: Sequence[Line], wanted: Sequence[Any]) -> None:
        """Emails or phones: what is kept keeps its line."""
        left = list(lines)
        pairs: list[tuple[Mapping[str, Any], Line | None]] = []
        for each in map(_checked_entry, wanted):
            line = next((one for one in left if plain_value(one).casefold() == each["value"].casefold()), None)
            if line is not None:
                left.remove(line)
            pairs.append((each, line))
        for number, (each, line) in enumerate(pairs):
            if line is None and left:
                same = next((one for one in left if label_of(self.card, one) == each.get("label")), None)
                if same is not None:
                    left.remove(same)
                    pairs[number] = (each, same)
        for line in left:
            self._drop(line)
        for each, line in pairs:
            self._entry(name, each, line)

    def _entry(self, name: str, wanted: Mapping[str, Any], line: Line | None) -> None:
        label = wanted.get("label")
        if line is None:
            types = ("INTERNET",) if name == "EMAIL" and self.card.version == "3.0" else ()
            params = (("TYPE", types),) if types else ()
            line = Line(name, escape(wanted["value"]), params)
            self._add(line)
        elif plain_value(line) != wanted["value"]:
            is_uri = line.text.lower().startswith(("tel:", "mailto:"))
            kept = tuple(param for param in line.params if param[0] != "VALUE") if is_uri else line.params
            line = self._swap(line, replace(line.with_value(escape(wanted["value"])), params=kept))
        if label_of(self.card, line) != (label or None):
            self._label(line, label)

    def _label(self, line: Line, label: str | None) -> None:
        own = next((each for each in self.card.lines if line.group and _is_label_of(each, line.group)), None)
        self._drop(own)
        kept = [word for value in line.all("TYPE") for word in value.split(",") if word.strip().lower() not in LABELS]
        word = TYPES.get(label or "")
        types = [*kept, *([word.upper() if self.card.version == "3.0" else word] if word else [])]
        if label and word is None:
            group = line.group or self._free_group()
            self._swap(line, replace(line.with_types(types), group=group))
            self._add(Line("X-ABLABEL", escape(label), group=group))
        else:
            self._swap(line, line.with_types(types))

    def addresses(self, lines: Sequence[Line], wanted: Sequence[Any]) -> None:
        left = list(lines)
        pairs: list[tuple[dict[str, str], Line | None]] = []
        for each in map(_checked_address, wanted):
            line = next((one for one in left if _alike(address(one), each)), None)
            if line is not None:
                left.remove(line)
            pairs.append((each, line))
        for each, line in pairs:
            self._address(each, line or (left.pop(0) if left else None))
        for line in left:
            self._drop(line)

    def _address(self, wanted: Mapping[str, str], line: Line | None) -> None:
        parts = line.parts if line else []
        parts += [""] * (7 - len(parts))
        shown = address(line) if line else {}
        for name, place in ADR_PARTS.items():
            text, old = wanted.get(name, ""), shown.get(name, "")
            if text == old or (name == "country" and _same_country(text, old)):
                continue
            if name == "street" and not parts[place]:
                parts[0] = parts[1] = ""  # they stood in for the street, and it has them now
            parts[place] = escape(text)
        self._put(line, "ADR", structured(parts))

    # --- lines ------------------------------------------------------------------------------------

    def _put(self, line: Line | None, name: str, value: str) -> None:
        if line is None:
            self._add(Line(name, value))
        else:
            self._swap(line, line.with_value(value))

    def _add(self, line: Line) -> None:
        self.card = Card((*self.card.lines, line))

    def _swap(self, old: Line, new: Line) -> Line:
        done = False
        lines = []
        for line in self.card.lines:
            if line is old and not done:
                lines.append(new)
                done = True
            else:
                lines.append(line)
        self.card = Card(tuple(lines))
        return new

    def _drop(self, line: Line | None) -> None:
        """The line, and its label when nothing else is in its group."""
        if line is None:
            return
        rest = [each for each in self.card.lines if each is not line]
        if line.group and line.name != "X-ABLABEL":
            group = line.group.lower()
            others = [each for each in rest if each.group.lower() == group and not each.name.startswith("X-AB")]
            if not others:
                rest = [each for each in rest if each.group.lower() != group]
        self.card = Card(tuple(rest))

    def _free_group(self) -> str:
        taken = {line.group.lower() for line in self.card.lines}
        return next(name for number in range(1, len(taken) + 2) if (name := f"item{number}") not in taken)


def _checked_entry(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not isinstance(value.get("value"), str) or not value["value"].strip():
        raise RecordError("An email or phone of a card is {value, label}, and the value is not empty.")
    return value


def _checked_address(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or set(value) - set(ADR_PARTS):
        raise RecordError(f"An address of a card has the parts {', '.join(ADR_PARTS)}.")
    return {name: text for name, text in value.items() if text}


def _same_country(one: str, other: str) -> bool:
    """Whether both name one country, so that the card keeps the spelling of its owner."""
    try:
        return bool(one and other) and country_code(one) == country_code(other)
    except Unmappable:
        return False


def _alike(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """The same place, though a part may be spelled otherwise."""
    names = ("street", "locality", "postcode")
    return [one.get(name, "").casefold() for name in names] == [other.get(name, "").casefold() for name in names]
