"""HubSpot's properties and what it says of wrong ones: values in, values out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from hub.testing.service import Call, Refusal

STAGES = ("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")
TEXT = """firstname lastname phone mobilephone company jobtitle address city state zip country website salutation
hs_language date_of_birth fax twitterhandle hub_id""".split()
OWN = ("createdate", "hs_object_id", "hs_marketable_status", "hs_merged_object_ids", "associatedcompanyid")
OPT_OUT = "hs_email_optout"  # of all mail; with an id behind it, of one subscription
PROPERTIES = {
    "contacts": {"email", "lifecyclestage", *TEXT},
    "companies": {"name", "domain", "phone", "address", "city", "state", "zip", "country", "website", "hub_id"},
}
CHANGED = {"contacts": "lastmodifieddate", "companies": "hs_lastmodifieddate"}
SHOWN = {
    "contacts": ["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"],
    "companies": ["createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"],
}
UNIQUE = {"contacts": ("email", "hub_id"), "companies": ("hub_id",)}
LABELS = {("contacts", "companies"): 279, ("companies", "contacts"): 280}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def problem_body(category: str, message: str) -> dict[str, Any]:
    return {"status": "error", "message": message, "correlationId": "a7e1d0de-0000", "category": category}


def refused(status: int, category: str, message: str) -> Refusal:
    return Refusal(status, problem_body(category, message))


def invalid(message: str) -> Refusal:
    return refused(400, "VALIDATION_ERROR", message)


def not_found() -> Refusal:
    return refused(404, "OBJECT_NOT_FOUND", "resource not found")


def row_error(problem: Refusal, context: Mapping[str, list[str]]) -> dict[str, Any]:
    body = problem.answer.body
    said = {"status": "error", "category": body["category"], "message": body["message"]}
    return {**said, "context": dict(context), "links": {}, "errors": []}


def allowed(call: Call, names: set[str]) -> None:
    unknown = set(call.query) - names
    if unknown:
        raise invalid(f"Unknown query parameter {sorted(unknown)[0]}")


def fields_of(body: Any, names: set[str]) -> dict[str, Any]:
    if not isinstance(body, dict) or set(body) - names:
        raise invalid("Invalid input JSON: unrecognized field")
    return dict(body)


def batch_of(call: Call, names: Iterable[str] = ()) -> dict[str, Any]:
    body = fields_of(call.json, {"inputs", *names})
    if not 1 <= len(body["inputs"]) <= 100:
        raise invalid(f"A batch holds 1 to 100 inputs, not {len(body['inputs'])}.")
    ids = [each["id"] for each in body["inputs"] if "id" in each]
    if len(set(ids)) < len(ids):
        raise invalid("Duplicate IDs found in batch input.")
    return body


def listed(call: Call, name: str) -> list[str]:
    """Repeated or separated by commas: both are taken."""
    return [part for value in call.query.get(name, []) for part in value.split(",") if part]


def is_known(name: str, kind: str) -> bool:
    opt_out = kind == "contacts" and re.fullmatch(rf"{OPT_OUT}(_\d+)?", name)
    return name in PROPERTIES[kind] or name in OWN or name == CHANGED[kind] or bool(opt_out)


def known(name: str, kind: str) -> None:
    if not is_known(name, kind):
        raise invalid(f"There was a problem with the request: property {name} does not exist")


def fault(kind: str, name: str, value: Any) -> str | None:
    if not is_known(name, kind):
        return "PROPERTY_DOESNT_EXIST"
    if name not in PROPERTIES[kind]:
        return "READ_ONLY_VALUE"
    if not isinstance(value, str):
        return "INVALID_TYPE"
    if name == "email" and value and not EMAIL.fullmatch(value):
        return "INVALID_EMAIL"
    return "INVALID_OPTION" if name == "lifecyclestage" and value and value not in STAGES else None


def sortable(value: str) -> tuple[int, Any]:
    """Numbers as numbers; times stand as text in their own order."""
    return (0, int(value)) if value.isdigit() else (1, value)


@lru_cache(maxsize=50_000)
def comparable(value: str) -> Any:
    """What filters compare: milliseconds of a time, a number, or text in small letters."""
    if value.isdigit():
        return int(value)
    if re.fullmatch(r"\d{4}-\d\d-\d\dT.*", value):
        return round(datetime.fromisoformat(value).timestamp() * 1000)
    return value.lower()


def fits(values: Mapping[str, str], group: Mapping[str, Any]) -> bool:
    return all(fits_one(values, each) for each in group["filters"])


def fits_one(values: Mapping[str, str], rule: Mapping[str, Any]) -> bool:
    held, operator = values.get(rule["propertyName"]), rule["operator"]
    if operator in {"HAS_PROPERTY", "NOT_HAS_PROPERTY"}:
        return (held is not None) is bool(operator == "HAS_PROPERTY")
    if held is None:
        return False
    have, wanted = comparable(held), comparable(str(rule.get("value", "")))
    tests: dict[str, Callable[[], Any]] = {
        "EQ": lambda: have == wanted,
        "NEQ": lambda: have != wanted,
        "GT": lambda: have > wanted,
        "GTE": lambda: have >= wanted,
        "LT": lambda: have < wanted,
        "LTE": lambda: have <= wanted,
        "BETWEEN": lambda: wanted <= have <= comparable(str(rule["highValue"])),
        "IN": lambda: have in [comparable(each) for each in rule["values"]],
    }
    if operator not in tests:
        raise invalid(f"operator {operator}")
    return bool(tests[operator]())
