"""The mapping table as a form: rows of texts, from a table and back to one, with what cannot be read at its row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.mapping.flat import with_flat_rows
from hub.mapping.table import MappingSpec
from hub.model import KIND, MANY, SINGLE
from hub.web.console.mapping_steps import Step, guess_field, step_data, step_of
from hub.web.console.mapping_texts import (
    lines_of,
    read_lines,
    read_scalars,
    read_table,
    read_whole,
    scalars_of,
    table_text,
)

PARTS = ("street", "locality", "region", "postcode", "country")  # of an address
GOLDEN_FIELDS = (*sorted(SINGLE), *sorted(MANY - {"consents"}))
TEXTS = ("write", "case", "join", "split", "label", "label_from", "region", "format", "country_as")
DETAILS = ("basis", "source", "wording")  # of a consent: a text, or a path
AS_TYPED = (".join", ".split", ".by")  # whose blanks mean something
MOST_ROWS = 200
MOST_STEPS = 20
MOST_NAMES = 8_000  # of inputs
Mistakes = list[tuple[str, str]]


@dataclass(slots=True)
class Row:
    """A row as it is typed. texts: `from`, the options, and for an address its parts; key: as messages name it"""

    name: str
    texts: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    key: str = ""
    is_open: bool = False

    def text(self, name: str) -> str:
        return self.texts.get(name, "")

    @property
    def is_address(self) -> bool:
        return self.name == "addresses"

    @property
    def is_many(self) -> bool:
        return self.name in MANY

    @property
    def is_blank(self) -> bool:
        return not self.name and not any(self.texts.values())

    @property
    def options(self) -> int:
        """How many are set, besides those that the table shows."""
        return sum(bool(self.text(name)) for name in (*TEXTS[1:], "values", "labels", "empty", "max_length", "more"))


@dataclass(slots=True)
class Form:
    """All that is typed. rows: those of one field stand together"""

    rows: list[Row] = field(default_factory=list)
    consents: list[Row] = field(default_factory=list)
    kind: dict[str, str] = field(default_factory=dict)
    ignore: str = ""
    flat: bool = False

    def numbered(self) -> Form:
        """The same, with rows of a field side by side and every row's key."""
        order = {name: n for n, name in enumerate(dict.fromkeys(row.name for row in self.rows if row.name))}
        self.rows.sort(key=lambda row: order.get(row.name, len(order)))
        seen: dict[str, int] = {}
        for n, row in enumerate(self.rows):
            place = seen[row.name] = seen.get(row.name, -1) + 1
            row.key = f"fields.{row.name}[{place}]" if row.name else f"new[{n}]"
        for n, row in enumerate(self.consents):
            row.key = f"consents[{n}]"
        return self


# --- from a table -----------------------------------------------------------------------------------


def form_of(table: Mapping[str, Any]) -> Form:
    """table: as `hub.mapping.alter.full` makes it"""
    kind = {name: str(value) for name, value in table[KIND].items() if name != "values"}
    if "values" in table[KIND]:
        kind["values"] = table_text(table[KIND]["values"])
    rows = [_row(name, row) for name, found in table["fields"].items() for row in found]
    consents = [_consent(row) for row in table["consents"]]
    return Form(rows, consents, kind, lines_of(table["ignore"]), table["flat"]).numbered()


def flat_form(name: str) -> list[Row]:
    """The rows of a field whose columns map by their names, to be changed."""
    found = with_flat_rows(MappingSpec()).fields.get(name, [])
    dumped = [row.model_dump(by_alias=True, mode="json", exclude_defaults=True) for row in found]
    return [_row(name, row) for row in dumped]


def by_name() -> list[str]:
    return list(with_flat_rows(MappingSpec()).fields)


def _row(name: str, row: Mapping[str, Any]) -> Row:
    texts = {key: str(row[key]) for key in TEXTS if row.get(key) is not None}
    texts |= {key: table_text(row[key]) for key in ("values", "labels") if row.get(key)}
    texts |= {key: "on" for key in ("required", "ascii") if row.get(key)}
    if row.get("max_length") is not None:
        texts["max_length"] = str(row["max_length"])
    if row.get("empty"):
        texts["empty"] = lines_of(row["empty"])
    source = row.get("from", "")
    if isinstance(source, Mapping):
        texts |= {f"part_{part}": str(path) for part, path in source.items()}
    elif isinstance(source, list):
        texts["from"] = str(source[0]) if source else ""
        texts["more"] = lines_of(source[1:])
    else:
        texts["from"] = str(source)
    return Row(name, texts, [step_of(step) for step in row.get("with") or []])


def _consent(row: Mapping[str, Any]) -> Row:
    texts = {key: str(row[key]) for key in ("from", "channel", "purpose", "write") if row.get(key) is not None}
    texts["values"] = table_text(row.get("values") or {})
    if row.get("empty"):
        texts["empty"] = scalars_of(row["empty"])
    if row.get("whole_person"):
        texts["whole_person"] = "on"
    at = row.get("at") or {}
    if at:
        texts["at"] = str(at.get("from", ""))
        formats = at.get("date")
        texts["at_date"] = lines_of(formats if isinstance(formats, list) else [formats] if formats else [])
    for name in DETAILS:
        found = row.get(name)
        if found is not None:
            texts[name] = str(found["from"] if isinstance(found, Mapping) else found)
            texts[f"{name}_is"] = "path" if isinstance(found, Mapping) else "text"
    return Row("consents", texts)


# --- from what was sent -----------------------------------------------------------------------------


def read_form(sent: Iterable[tuple[str, str]]) -> Form:
    """Names of inputs: `f.0.name`, `f.0.from`, `f.0.s.1.name`, `f.0.s.1.a.match`, `c.0.channel`, `k.from`, `ignore`."""
    rows: dict[int, Row] = {}
    consents: dict[int, Row] = {}
    steps: dict[tuple[int, int], Step] = {}
    form = Form()
    for n, (name, value) in enumerate(sent):
        if n >= MOST_NAMES:
            break
        text = value.replace("\r\n", "\n")
        text = text if name.endswith(AS_TYPED) else text.strip()
        match name.split("."):
            case ["f", number, "name"] if (at := _number(number)) is not None:
                rows.setdefault(at, Row("")).name = text
            case ["f", number, "s", place, *rest] if (at := _number(number)) is not None:
                _read_step(steps, at, place, rest, text)
            case ["f", number, option] if (at := _number(number)) is not None:
                rows.setdefault(at, Row("")).texts[option] = text
            case ["c", number, option] if (at := _number(number)) is not None:
                consents.setdefault(at, Row("consents")).texts[option] = text
            case ["k", option]:
                form.kind[option] = text
            case ["ignore"]:
                form.ignore = text
            case ["flat"]:
                form.flat = text == "on"
            case _:
                pass
    for (at, _), step in sorted(steps.items(), key=lambda each: each[0]):
        if step.name and at in rows:
            rows[at].steps.append(step)
    form.rows = [rows[at] for at in sorted(rows)]
    form.consents = [consents[at] for at in sorted(consents)]
    return form.numbered()


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 and int(text) < MOST_ROWS else None


def _read_step(steps: dict[tuple[int, int], Step], at: int, place: str, rest: list[str], text: str) -> None:
    number = _number(place)
    if number is None or number >= MOST_STEPS:
        return
    step = steps.setdefault((at, number), Step("", {}))
    if rest == ["name"]:
        step.name = text
    elif len(rest) == 2 and rest[0] == "a":
        step.given[rest[1]] = text


# --- to a table -------------------------------------------------------------------------------------


def table_of(form: Form) -> tuple[dict[str, Any], Mistakes]:
    """The table in the form of `hub.mapping.alter.full`, and (row, what is wrong) of what cannot be read."""
    wrong: Mistakes = []
    fields: dict[str, list[dict[str, Any]]] = {}
    for row in form.rows:
        if row.is_blank:
            continue
        if not row.name:
            wrong.append((row.key, "choose the golden field"))
            continue
        fields.setdefault(row.name, []).append(_row_data(row, wrong))
    consents = [_consent_data(row, wrong) for row in form.consents]
    kind: dict[str, Any] = {name: form.kind[name] for name in ("from", "default") if form.kind.get(name)}
    if form.kind.get("write", "overwrite") != "overwrite" and "from" in kind:
        kind["write"] = form.kind["write"]
    _put(kind, "values", form.kind.get("values", ""), read_table, KIND, wrong)
    ignore = list(dict.fromkeys(read_lines(form.ignore)))
    return {KIND: kind, "fields": fields, "consents": consents, "ignore": ignore, "flat": form.flat}, wrong


def _row_data(row: Row, wrong: Mistakes) -> dict[str, Any]:
    data: dict[str, Any] = {"from": _source(row)}
    steps = []
    for n, step in enumerate(row.steps):
        try:
            steps.append(step_data(step))
        except ValueError as err:
            wrong.append((row.key, f"with[{n}]: {step.name}: {err}"))
    if steps:
        data["with"] = steps
    data.update((name, row.text(name)) for name in TEXTS if row.text(name))
    if isinstance(data["from"], list):
        data["join"] = row.text("join")
    data.update((name, True) for name in ("required", "ascii") if row.text(name) == "on")
    _put(data, "max_length", row.text("max_length"), read_whole, row.key, wrong)
    _put(data, "empty", row.text("empty"), read_lines, row.key, wrong)
    for name in ("values", "labels"):
        _put(data, name, row.text(name), read_table, row.key, wrong)
    return data


def _source(row: Row) -> Any:
    if row.is_address:
        return {part: row.text(f"part_{part}") for part in PARTS if row.text(f"part_{part}")}
    more = read_lines(row.text("more"))
    return [row.text("from"), *more] if more else row.text("from")


def _consent_data(row: Row, wrong: Mistakes) -> dict[str, Any]:
    data: dict[str, Any] = {name: row.text(name) for name in ("from", "channel", "purpose")}
    data["values"] = {}
    _put(data, "values", row.text("values"), read_table, row.key, wrong)
    _put(data, "empty", row.text("empty"), read_scalars, row.key, wrong)
    if row.text("at"):
        data["at"] = {"from": row.text("at")}
        formats = read_lines(row.text("at_date"))
        if formats:
            data["at"]["date"] = formats[0] if len(formats) == 1 else formats
    for name in DETAILS:
        if row.text(name):
            data[name] = {"from": row.text(name)} if row.text(f"{name}_is") == "path" else row.text(name)
    if row.text("whole_person") == "on":
        data["whole_person"] = True
    if row.text("write") not in ("", "overwrite"):
        data["write"] = row.text("write")
    return data


def _put(data: dict[str, Any], name: str, text: str, read: Callable[[str], Any], key: str, wrong: Mistakes) -> None:
    if not text:
        return
    try:
        data[name] = read(text)
    except ValueError as err:
        wrong.append((key, f"{name}: {err}"))


# --- what a button does -----------------------------------------------------------------------------


def acted(form: Form, act: str) -> Form:
    """act: `add`, `add:FIELD`, `map:PATH`, `ignore:PATH`, `own:FIELD`, `remove:N`, `up:N`, `down:N`, `step:N`,
    `consent`, `unconsent:N`; anything else leaves the form as it is
    """
    what, _, which = act.partition(":")
    if what in ("add", "map", "own") and len(form.rows) < MOST_ROWS:
        form.rows += _new_rows(what, which)
    elif what == "ignore":
        form.ignore = "\n".join(dict.fromkeys([*read_lines(form.ignore), which]))
    elif what == "consent" and len(form.consents) < MOST_ROWS:
        form.consents.append(Row("consents", is_open=True))
    elif what in ("remove", "up", "down", "step", "unconsent"):
        _at_row(form, what, which)
    return form.numbered()


def _new_rows(what: str, which: str) -> list[Row]:
    if what == "own":
        return flat_form(which)
    if what == "map":
        return [Row(guess_field(which), {"from": which})]
    return [Row(which)]


def _at_row(form: Form, what: str, which: str) -> None:
    rows = form.consents if what == "unconsent" else form.rows
    at = _number(which)
    if at is None or at >= len(rows):
        return
    if what in ("remove", "unconsent"):
        del rows[at]
    elif what == "step" and len(rows[at].steps) < MOST_STEPS:
        rows[at].steps.append(Step("text", {}))
    elif what in ("up", "down"):
        other = at - 1 if what == "up" else at + 1
        if 0 <= other < len(rows) and rows[other].name == rows[at].name:
            rows[at], rows[other] = rows[other], rows[at]
