"""SAP S/4HANA: business partners over API_BUSINESS_PARTNER (OData 2).

Kept from the vendor's rules
Shape     everything within `d`; lists in `d.results`, also of what is expanded; what is not is `__deferred`. Dates are
          /Date(ms)/, times PT..H..M..S. `__metadata` holds the address and the etag
Queries   `$filter`, `$expand`, `$orderby`, `$top`, `$skip`, `$inlinecount=allpages`; others are refused. At most 1,000
          rows a page. The date of a change has no time
Writes    need the token that a read with `x-csrf-token: Fetch` was given, and the cookies of that session: else 403
          with `x-csrf-token: Required`. PATCH needs If-Match: 428 without, 412 when the partner moved on. 204
Batch     reads by themselves, each change in a change set; 202
Keys      the number is the system's own; ten places, told without zeros. No partner is deleted (405)
Errors    `error.code` and `error.message.value`
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import httpx

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Refusal, route
from tests.fakes.services.odata_batch import Inner, Malformed, read_batch, write_batch
from tests.fakes.services.sap_addresses import TABLES, Address, Addresses, refused, shown_address

PATH = "/sap/opu/odata/sap/API_BUSINESS_PARTNER"
KEPT = 40  # exchanges that are remembered
LENGTHS = {
    "BusinessPartnerCategory": 1,
    "FirstName": 40,
    "LastName": 40,
    "MiddleName": 40,
    "OrganizationBPName1": 40,
    "SearchTerm1": 20,
    "CorrespondenceLanguage": 2,
}
WRITABLE = {*LENGTHS, "BirthDate", "IsMarkedForArchiving", "BusinessPartnerIsBlocked"}
OWN = {"BusinessPartner", "CreationDate", "LastChangeDate", "LastChangeTime", "BusinessPartnerFullName"}
EXPANDED = {"to_BusinessPartnerAddress", *(f"to_BusinessPartnerAddress/{table}" for table in TABLES)}
DAY = re.compile(r"/Date\((-?\d+)\)/")
CONDITION = re.compile(r"(\w+) (eq|ge|le) ('(?:[^']|'')*'|datetime'[\dT:-]+'|true|false)")


@dataclass
class Partner:
    id: str
    fields: dict[str, Any]
    created: datetime
    changed: datetime
    revision: int = 0
    addresses: list[Address] = field(default_factory=list)

    @property
    def etag(self) -> str:
        return f"W/\"'{self.revision:010d}'\""


class Sap(Addresses):
    base = f"https://s4.example.org{PATH}"

    def __init__(self, user: str = "HUB", password: str = "right-secret-1", clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {f"{user}:{password}": True}
        self.state |= {"partners": {}, "revision": 0}
        self.sessions: dict[str, str] = {}

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, address: Mapping[str, Any] | None = None, **fields: Any) -> str:
        made = self._new({"BusinessPartnerCategory": "1", **fields})
        made.addresses = [self.new_address(address)] if address else []
        return made.id

    def edit(self, partner_id: str, **fields: Any) -> None:
        self._change(self.partners[partner_id], fields)

    def end_sessions(self) -> None:
        self.sessions.clear()

    # --- the front door ---------------------------------------------------------------------------

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        del self.exchanges[:-KEPT]  # partners with their addresses are long
        return super().handle_request(request)

    def key_of(self, call: Call) -> str | None:
        basic = call.basic()
        return None if basic is None else ":".join(basic)

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        return refused(
            status, {404: "/IWBEP/CM_MGW_RT/020", 405: "/IWFND/CM_BEC/026"}.get(status, "005056A509B1"), reason
        )

    @route("GET", "/")
    def service(self, call: Call) -> Answer:
        return Answer(200, {"d": {"EntitySets": ["A_BusinessPartner"]}}, self._session(call))

    @route("GET", "/A_BusinessPartner")
    def listing(self, call: Call) -> Answer:
        call.only("$filter", "$expand", "$orderby", "$top", "$skip", "$inlinecount", "$format")
        as_json(call)
        expanded = expansion(call)
        tests = filtered(call.one("$filter"))
        rows = [each for each in self.partners.values() if tests(each)]
        if call.one("$orderby", "BusinessPartner") != "BusinessPartner":
            raise refused(400, "/IWBEP/CM_MGW_RT/021", "Invalid system query option $orderby")
        rows.sort(key=lambda each: each.id)
        start, size = call.number("$skip", 0), call.number("$top", 1000, most=1000)
        found: dict[str, Any] = {"results": [self._shown(each, expanded) for each in rows[start : start + size]]}
        if call.one("$inlinecount", "none") == "allpages":
            found["__count"] = str(len(rows))
        return Answer(200, {"d": found}, self._session(call))

    @route("GET", "/A_BusinessPartner({key})")
    def one(self, call: Call, key: str) -> Answer:
        call.only("$expand", "$format")
        as_json(call)
        partner = self._partner(key)
        return Answer(200, {"d": self._shown(partner, expansion(call))}, {"etag": partner.etag, **self._session(call)})

    @route("POST", "/A_BusinessPartner")
    def create(self, call: Call) -> Answer:
        self.held(call)
        body = dict(call.json or {})
        addresses = [self.new_address(each) for each in body.pop("to_BusinessPartnerAddress", None) or []]
        fields = checked(body)
        if fields.get("BusinessPartnerCategory") not in {"1", "2", "3"}:
            raise refused(400, "R1/112", "Business partner category is missing or not valid")
        needed = "LastName" if fields["BusinessPartnerCategory"] == "1" else "OrganizationBPName1"
        if not fields.get(needed):
            raise refused(400, "R11/401", f"Enter a value for {needed}")
        made = self._new(fields)
        made.addresses = addresses
        return Answer(201, {"d": self._shown(made, set())}, {"etag": made.etag})

    @route("PATCH", "/A_BusinessPartner({key})")
    def update(self, call: Call, key: str) -> Answer:
        self.held(call)
        partner, match = self._partner(key), call.headers.get("if-match")
        if match is None:
            raise refused(428, "/IWFND/CM_MGW/502", "Precondition required; no If-Match header")
        if match not in {"*", partner.etag}:
            raise refused(412, "/IWFND/CM_MGW/503", "Precondition failed; the entity was changed")
        fields = checked(call.json)
        if fields.get("BusinessPartnerCategory", "1") != partner.fields["BusinessPartnerCategory"]:
            raise refused(400, "R1/113", "The business partner category cannot be changed")
        if fields.get("LastName", "x") is None:
            raise refused(400, "R11/401", "Enter a value for LastName")
        self._change(partner, fields)
        return Answer(204)

    @route("POST", "/$batch", write=False)
    def batch(self, call: Call) -> Answer:
        self.held(call)
        try:
            entries = read_batch(call.headers.get("content-type", ""), call.content)
        except Malformed as error:
            raise refused(400, "/IWFND/CM_MGW/005", str(error)) from error
        sets = [number for number, entry in enumerate(entries) if entry[0].in_set]
        return Answer(202, *write_batch([[self._inner(call, each) for each in entry] for entry in entries], sets))

    def _inner(self, call: Call, inner: Inner) -> Answer:
        """A change outside of a change set is refused; one within shares the session of the whole."""
        held = {
            name: call.headers[name] for name in ("authorization", "cookie", "x-csrf-token") if name in call.headers
        }
        below = unquote(inner.path.removeprefix(PATH))
        if inner.method != "GET" and not inner.in_set:
            return refused(400, "/IWFND/CM_MGW/005", "A change belongs into a change set").answer
        return self._answer(Call(self, inner.method, below, inner.query, {**inner.headers, **held}, inner.content))

    # --- inside -----------------------------------------------------------------------------------

    def _session(self, call: Call) -> dict[str, str]:
        if call.headers.get("x-csrf-token", "").lower() != "fetch":
            return {}
        number = len(self.sessions) + 1
        self.sessions[f"SESSION-{number}"] = f"csrf-{number}"
        cookie = f"SAP_SESSIONID=SESSION-{number}; path=/; secure; HttpOnly"
        return {"x-csrf-token": f"csrf-{number}", "set-cookie": cookie}

    def held(self, call: Call) -> None:
        cookies = dict(each.split("=", 1) for each in call.headers.get("cookie", "").split("; ") if "=" in each)
        token = self.sessions.get(cookies.get("SAP_SESSIONID", ""))
        if token is None or call.headers.get("x-csrf-token") != token:
            raise Refusal(403, b"CSRF token validation failed", {"x-csrf-token": "Required"})

    def _partner(self, key: str) -> Partner:
        found = re.fullmatch(r"'([^']*)'", key)
        if found is None or len(found[1]) > 10:
            raise refused(400, "/IWCOR/CX_OD_EDM_VALUE", "Invalid key predicate")
        if found[1] not in self.partners:
            raise refused(404, "/IWBEP/CM_MGW_RT/020", "Resource not found for segment 'A_BusinessPartnerType'")
        return self.partners[found[1]]

    def _new(self, fields: Mapping[str, Any]) -> Partner:
        empty = dict.fromkeys(LENGTHS, "") | {"BirthDate": None}
        flags = {"IsMarkedForArchiving": False, "BusinessPartnerIsBlocked": False}
        made = Partner(str(1_000_001 + len(self.partners)), empty | flags, self.clock(), self.clock())
        self.partners[made.id] = made
        self._change(made, fields)
        return made

    def _change(self, partner: Partner, fields: Mapping[str, Any]) -> None:
        self.state["revision"] += 1
        partner.fields |= {
            name: value if value is not None or name == "BirthDate" else "" for name, value in fields.items()
        }
        partner.changed, partner.revision = self.clock(), self.state["revision"]

    def _shown(self, partner: Partner, expanded: set[str]) -> dict[str, Any]:
        uri = f"{self.base}/A_BusinessPartner('{partner.id}')"
        names = [partner.fields[name] for name in ("FirstName", "LastName", "OrganizationBPName1")]
        return {
            "__metadata": {
                "id": uri,
                "uri": uri,
                "type": "API_BUSINESS_PARTNER.A_BusinessPartnerType",
                "etag": partner.etag,
            },
            "BusinessPartner": partner.id,
            "BusinessPartnerFullName": " ".join(name for name in names if name),
            "CreationDate": day(partner.created),
            "LastChangeDate": day(partner.changed),
            "LastChangeTime": partner.changed.strftime("PT%HH%MM%SS"),
            **partner.fields,
            "to_BusinessPartnerAddress": self._addresses(partner, uri, expanded),
        }

    def _addresses(self, partner: Partner, uri: str, expanded: set[str]) -> dict[str, Any]:
        if "to_BusinessPartnerAddress" not in expanded:
            return {"__deferred": {"uri": f"{uri}/to_BusinessPartnerAddress"}}
        return {"results": [shown_address(partner.id, each, expanded, self.base) for each in partner.addresses]}


def day(at: datetime) -> str:
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return f"/Date({int(midnight.timestamp() * 1000)})/"


def as_json(call: Call) -> None:
    if call.one("$format", "json") != "json":
        raise refused(400, "/IWBEP/CM_MGW_RT/021", "Invalid format")


def expansion(call: Call) -> set[str]:
    asked = set((call.one("$expand") or "").split(",")) - {""}
    if unknown := sorted(asked - EXPANDED):
        raise refused(400, "/IWBEP/CM_MGW_RT/032", f"Invalid $expand: {unknown[0]}")
    return asked | {name.partition("/")[0] for name in asked}


def filtered(text: str | None) -> Callable[[Partner], bool]:
    """Comparisons joined by `and`, and one pair in brackets joined by `or`."""
    if text is None:
        return lambda partner: True
    groups = [group.strip("()").split(" or ") for group in text.split(" and ")]
    tests = [[comparison(each) for each in group] for group in groups]
    return lambda partner: all(any(test(partner) for test in group) for group in tests)


def comparison(text: str) -> Callable[[Partner], bool]:
    found = CONDITION.fullmatch(text)
    if found is None or found[1] not in WRITABLE | OWN:
        raise refused(400, "/IWBEP/CM_MGW_RT/022", "Invalid $filter")
    name, operator, literal = found.groups()
    if name in {"LastChangeDate", "CreationDate"}:
        if not literal.startswith("datetime'"):
            raise refused(400, "/IWBEP/CM_MGW_RT/022", f"{name} is compared with a datetime")
        at = datetime.fromisoformat(literal[9:-1]).date()
        if operator != "ge":
            raise refused(400, "/IWBEP/CM_MGW_RT/022", "Invalid $filter")
        return lambda partner: (partner.changed if name == "LastChangeDate" else partner.created).date() >= at
    if operator != "eq":
        raise refused(400, "/IWBEP/CM_MGW_RT/022", "Invalid $filter")
    value = literal == "true" if literal in {"true", "false"} else literal[1:-1].replace("''", "'")
    return lambda partner: (partner.id if name == "BusinessPartner" else partner.fields[name]) == value


def checked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise refused(400, "/IWBEP/CM_MGW_RT/000", "Error while parsing the request")
    for name, value in body.items():
        if name not in WRITABLE:
            raise refused(400, "/IWBEP/CM_MGW_RT/015", f"Property {name} is invalid or not updatable")
        if name in {"IsMarkedForArchiving", "BusinessPartnerIsBlocked"} and not isinstance(value, bool):
            raise refused(400, "/IWCOR/CX_DS_EDM_TYPE", f"Invalid value for property {name}")
        if name == "BirthDate" and value is not None and not DAY.fullmatch(str(value)):
            raise refused(400, "/IWCOR/CX_DS_EDM_TYPE", f"Invalid value for property {name}")
        if name in LENGTHS and value is not None and (not isinstance(value, str) or len(value) > LENGTHS[name]):
            raise refused(
                400, "/IWCOR/CX_DS_EDM_FACET_ERROR", f"Property {name} has more than {LENGTHS[name]} characters"
            )
    return dict(body)
