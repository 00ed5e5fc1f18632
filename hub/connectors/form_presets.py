"""What form services post, made into flat fields with names. Pure: a payload in, fields out.

Typeform         answers by the reference of their field, each in a value of its own type
Tally            fields by label; choices are ids, their texts stand beside them
Jotform          multipart, the answers as JSON in the part rawRequest: q3_name, an object for a name or an address
Gravity Forms    the entry by field id, "1.3" the third part of field 1; or names that were chosen there
Contact Form 7   posted by a bridge plugin: fields by name, and its own with _wpcf7
WPForms          fields by the names chosen there
Elementor        fields[ID][value] with "advanced data", else by label
Google Forms     posted by a script of ours, which the documentation prints

What a service sends besides (ids, times, addresses of senders) is no field. Names of fields stay as the service has
them; those with a usual label are found under the canonical name as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from hub.connectors.form_labels import usual_names

Payload = Mapping[str, Any]


class Malformed(ValueError):
    """Not what this service sends; the message says what is missing, never what was written."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One field that a person filled in.

    name   as the service knows it
    label  what the person saw; empty: the name
    kind   email, phone or url where the service says so
    spare  name to use when the first is empty or taken
    """

    name: str
    value: Any
    label: str = ""
    kind: str = ""
    spare: str = ""


@dataclass(frozen=True, slots=True)
class Preset:
    """A service: how its payload is read, and the settings of a connection to it.

    read  None: this delivery is not a submission
    """

    read: Callable[[Payload], Iterable[Answer] | None]
    settings: Mapping[str, Any] = field(default_factory=dict)


def unpack(preset: str, payload: Payload, names: Mapping[str, str]) -> dict[str, Any] | None:
    """Flat fields by name; None when it is not a submission. Raises Malformed.

    names  the service's name → the name to use here
    """
    answers = PRESETS[preset].read(payload)
    if answers is None:
        return None
    fields: dict[str, Any] = {}
    told: list[tuple[str, str, str]] = []
    for answer in answers:
        name = _free(fields, names.get(answer.name, answer.name), answer.spare)
        fields[name] = answer.value
        if _plain(answer.value):
            told.append((name, names.get(answer.name) or answer.label or name, answer.kind))
    usual = usual_names(told)
    return fields | {known: _plain(fields[name]) for known, name in usual.items() if known not in fields}


def _free(fields: Mapping[str, Any], name: str, spare: str) -> str:
    if name and name not in fields:
        return name
    if spare and spare not in fields:
        return spare
    number = 2
    while f"{name} {number}" in fields:
        number += 1
    return f"{name} {number}"


def _plain(value: Any) -> Any:
    """A text of a list of texts."""
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _one(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Malformed(f"it has no {what}")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise Malformed(f"it has no {what}")
    return value


def _objects(value: Any, what: str) -> list[Mapping[str, Any]]:
    found = _list(value, what)
    if not all(isinstance(each, Mapping) for each in found):
        raise Malformed(f"it has no {what}")
    return found


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


# --- Typeform ----------------------------------------------------------------------------------------

_TYPEFORM_KINDS = {"email": "email", "phone_number": "phone", "url": "url"}


def _typeform(payload: Payload) -> Iterable[Answer] | None:
    if payload.get("event_type") != "form_response":
        return None  # such as a response that is not finished
    response = _object(payload.get("form_response"), "form_response")
    asked = response.get("definition")
    questions = asked.get("fields") if isinstance(asked, Mapping) else None
    titles = {
        _text(each.get("id")): _text(each.get("title")) for each in _objects(questions or [], "list of questions")
    }
    answers = [_typeform_answer(each, titles) for each in _objects(response.get("answers"), "answers")]
    hidden = response.get("hidden")
    known = [Answer(name, value) for name, value in hidden.items()] if isinstance(hidden, Mapping) else []
    return answers + known


def _typeform_answer(answer: Mapping[str, Any], titles: Mapping[str, str]) -> Answer:
    kind = _text(answer.get("type"))
    asked = _object(answer.get("field"), "field of an answer")
    value = answer.get(kind)
    if isinstance(value, Mapping):  # choice, choices, payment
        labels = _list(value.get("labels") or [], "labels of a choice")
        others = [value[name] for name in ("label", "other") if value.get(name)]
        value = [*labels, *others] if kind == "choices" else _one(others)
    number = _text(asked.get("id"))
    return Answer(
        _text(asked.get("ref")) or number, value, titles.get(number, ""), _TYPEFORM_KINDS.get(kind, ""), number
    )


# --- Tally -------------------------------------------------------------------------------------------

_TALLY_KINDS = {"INPUT_EMAIL": "email", "INPUT_PHONE_NUMBER": "phone", "INPUT_LINK": "url"}


def _tally(payload: Payload) -> Iterable[Answer] | None:
    if payload.get("eventType") != "FORM_RESPONSE":
        return None
    asked = _objects(_object(payload.get("data"), "data").get("fields"), "list of fields")
    return [_tally_answer(each) for each in asked]


def _tally_answer(asked: Mapping[str, Any]) -> Answer:
    value = asked.get("value")
    options = asked.get("options")
    if isinstance(value, list) and isinstance(options, list):
        texts = {str(each.get("id")): each.get("text") for each in _objects(options, "list of options")}
        value = [texts.get(str(each), each) for each in value]
        value = value if asked.get("type") == "CHECKBOXES" else _one(value)
    key = _text(asked.get("key"))
    return Answer(_text(asked.get("label")) or key, value, "", _TALLY_KINDS.get(_text(asked.get("type")), ""), key)


# --- Jotform -----------------------------------------------------------------------------------------

_QUESTION = re.compile(r"q\d+_(.+)")


def _jotform(payload: Payload) -> Iterable[Answer]:
    raw = payload.get("rawRequest")
    try:
        answers = orjson.loads(raw) if isinstance(raw, str) else raw
    except orjson.JSONDecodeError as err:
        raise Malformed("its rawRequest is no JSON") from err
    return list(_jotform_answers(_object(answers, "rawRequest")))


def _jotform_answers(answers: Mapping[str, Any]) -> Iterator[Answer]:
    for key, value in answers.items():
        found = _QUESTION.fullmatch(key)
        if found is None:
            continue
        if not isinstance(value, Mapping):
            yield Answer(found[1], value, spare=key)
            continue
        whole = _jotform_whole(value)
        if whole is not None:
            yield Answer(found[1], whole, spare=key)
        else:
            yield from (Answer(f"{found[1]}_{part}", each, spare=f"{key}_{part}") for part, each in value.items())


def _jotform_whole(value: Mapping[str, Any]) -> str | None:
    """A telephone number or a day, which come in parts; None for anything else."""
    if "full" in value:
        return _text(value["full"])
    if set(value) <= {"country", "area", "phone"} and "phone" in value:
        return " ".join(filter(None, (_text(value.get(part)) for part in ("country", "area", "phone"))))
    if {"day", "month", "year"} <= set(value):
        parts = [_text(value[part]) for part in ("year", "month", "day")]
        return "-".join(part.rjust(2, "0") for part in parts) if all(parts) else ""
    return None


# --- Gravity Forms, Contact Form 7, WPForms ------------------------------------------------------------

_ENTRY = frozenset(
    """id form_id post_id date_created date_updated is_starred is_read ip source_url source_id user_agent currency
    payment_status payment_date payment_amount payment_method transaction_id is_fulfilled created_by
    transaction_type status submission_speeds""".split()
)


def _gravity(payload: Payload) -> Iterable[Answer]:
    return [Answer(name, value) for name, value in payload.items() if name not in _ENTRY]


def _by_name(payload: Payload) -> Iterable[Answer]:
    return [
        Answer(name, _one(value) if isinstance(value, list) else value)
        for name, value in payload.items()
        if not name.startswith("_wpcf7") and name not in ("form_id", "form_name", "entry_id")
    ]


# --- Elementor ---------------------------------------------------------------------------------------

_PART = re.compile(r"fields\[([^\]]+)\]\[(\w+)\]")
_ELEMENTOR_KINDS = {"email": "email", "tel": "phone", "url": "url"}


def _elementor(payload: Payload) -> Iterable[Answer]:
    parts: dict[str, dict[str, Any]] = {}
    for key, value in payload.items():
        found = _PART.fullmatch(key)
        if found is not None:
            parts.setdefault(found[1], {})[found[2]] = value
    nested = payload.get("fields")
    if isinstance(nested, Mapping):
        parts |= {name: dict(_object(each, "fields")) for name, each in nested.items()}
    if not parts:
        return _by_name(payload)
    return [
        Answer(name, part.get("value"), _text(part.get("title")), _ELEMENTOR_KINDS.get(_text(part.get("type")), ""))
        for name, part in parts.items()
    ]


# --- Google Forms ------------------------------------------------------------------------------------


def _google(payload: Payload) -> Iterable[Answer]:
    values = _object(payload.get("namedValues"), "namedValues")
    return [Answer(name, _one(value) if isinstance(value, list) else value) for name, value in values.items()]


PRESETS: Mapping[str, Preset] = {
    "typeform": Preset(
        _typeform,
        {
            "signature": "hmac",
            "hmac": {"header": "Typeform-Signature", "encoding": "base64", "prefix": "sha256="},
            "delivery_id": {"field": ["form_response.token", "event_type"]},
        },
    ),
    "tally": Preset(
        _tally,
        {
            "signature": "hmac",
            "hmac": {"header": "Tally-Signature", "encoding": "base64"},
            "delivery_id": {"field": "data.submissionId"},
        },
    ),
    "jotform": Preset(_jotform, {"signature": "query", "delivery_id": {"field": "submissionID"}}),
    "gravity_forms": Preset(_gravity, {"signature": "header", "delivery_id": {"field": "id"}}),
    "contact_form_7": Preset(_by_name, {"signature": "header"}),
    "wpforms": Preset(_by_name, {"signature": "header", "delivery_id": {"field": "entry_id"}}),
    "elementor": Preset(_elementor, {"signature": "query"}),
    "google_forms": Preset(
        _google,
        {
            "signature": "hmac",
            "hmac": {"header": "X-Hub-Signature", "encoding": "base64", "timestamp_header": "X-Hub-Timestamp"},
            "delivery_id": {"field": "responseId"},
        },
    ),
}


def filled_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a connection with those of its preset where it has none of its own."""
    preset = PRESETS.get(str(given.get("preset")))
    if preset is None:
        return dict(given)
    settings = dict(preset.settings)
    if given.get("signature", settings["signature"]) != settings["signature"]:
        settings.pop("hmac", None)
    return settings | dict(given)
