"""Leads and responses of forms: Meta lead ads, Google Forms, LinkedIn lead forms.

Kept from the vendors' rules
Meta      only fields that were asked for; pages by a cursor, `paging.next` where there is another; a filter of one
          field as JSON, whose times are epoch seconds; errors are 400 with a code, 190 for a token that is no good
Google    pages of 5,000 by a token; a filter of one timestamp; `responses` is left out where there are none
LinkedIn  the address is in the notation of Rest.li 2: parentheses as they are, the name within them percent-encoded;
          the version and the protocol in headers; start and count, with the total
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import httpx

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Rate, Refusal, Service, route

FORM = "1234567890123456"
ACCOUNT = "512345678"
ASKED = frozenset(
    """id created_time field_data custom_disclaimer_responses form_id ad_id campaign_id platform is_organic
    retailer_item_id home_listing""".split()
)


@dataclass
class Lead:
    """`number` grows with every lead, and leads are kept in its order."""

    number: int
    at: datetime
    answers: dict[str, str]


class Leads(Service):
    """What the three have in common: leads in the order in which they came."""

    first: ClassVar[int] = 1

    def __init__(self, secret: str = "right-token-1", clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {secret: True}
        self.state |= {"leads": {}, "made": 0}

    @property
    def leads(self) -> dict[str, Lead]:
        found: dict[str, Lead] = self.state["leads"]
        return found

    def seed(self, at: datetime | None = None, **answers: str) -> str:
        self.state["made"] += 1
        number = self.state["made"]
        lead = Lead(number, (at or self.clock()).replace(microsecond=0), answers)
        self.leads[self.id_of(number)] = lead
        return self.id_of(number)

    def remove(self, lead_id: str) -> None:
        del self.leads[lead_id]

    def id_of(self, number: int) -> str:
        raise NotImplementedError

    def after(self, number: int) -> list[Lead]:
        """Those that came later."""
        rows = list(self.leads.values())
        return rows[bisect_right(rows, number, key=lambda lead: lead.number) :]

    def lead(self, lead_id: str) -> Lead:
        if lead_id not in self.leads:
            raise self.missing()
        return self.leads[lead_id]

    def missing(self) -> Refusal:
        return Refusal(404, {"message": "Resource not found", "status": 404})


# --- Meta ----------------------------------------------------------------------------------------------


class Meta(Leads):
    base = "https://graph.facebook.com/v23.0"
    rate = Rate(4800, 3600.0)

    def id_of(self, number: int) -> str:
        return str(9_000_000_000_000_000 + number)

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        code = {401: 190, 403: 200, 429: 613}.get(status, 100)
        return self.missing() if status == 404 else meta_error(code, reason)

    def missing(self) -> Refusal:
        return meta_error(100, "Unsupported get request", 33)

    def too_many(self, call: Call, resets_in: float) -> Answer:
        return meta_error(80005, "There have been too many leadgen api calls to this Page").answer

    @route("GET", "/{id}")
    def one(self, call: Call, id: str) -> Answer:
        call.only("fields")
        if id == FORM:
            return Answer(200, {"id": FORM, "name": "Autumn"})
        return Answer(200, self._shown(self.lead(id), call))

    @route("GET", "/{form}/leads")
    def listing(self, call: Call, form: str) -> Answer:
        call.only("fields", "limit", "after", "filtering")
        if form != FORM:
            raise self.missing()
        since = self._since(call.one("filtering"))
        after = int(call.one("after") or "QVFI0"[4:])
        rows = self.after(after)
        if since:
            rows = [lead for lead in rows if lead.at.timestamp() > since]
        page = rows[: call.number("limit", 25, least=1, most=100)]
        paging = {}
        if page:
            paging["cursors"] = {"before": str(page[0].number), "after": str(page[-1].number)}
        if len(rows) > len(page):
            paging["next"] = f"{self.base}/{FORM}/leads?access_token=never-used"  # type: ignore[assignment]
        return Answer(200, {"data": [self._shown(lead, call) for lead in page], "paging": paging})

    def _since(self, filtering: str | None) -> float:
        if filtering is None:
            return 0
        try:
            [rule] = json.loads(filtering)
            assert set(rule) == {"field", "operator", "value"}
            assert (rule["field"], rule["operator"]) == ("time_created", "GREATER_THAN")
            return float(rule["value"])
        except (ValueError, AssertionError, TypeError) as error:
            raise meta_error(100, "Param filtering is not valid") from error

    def _shown(self, lead: Lead, call: Call) -> dict[str, Any]:
        asked = (call.one("fields") or "created_time,id,field_data").split(",")
        if unknown := sorted(set(asked) - ASKED):
            raise meta_error(100, f"Tried accessing nonexisting field ({unknown[0]})")
        whole = {
            "id": self.id_of(lead.number),
            "created_time": lead.at.strftime("%Y-%m-%dT%H:%M:%S+0000"),
            "field_data": [{"name": name, "values": [value]} for name, value in lead.answers.items()],
            "form_id": FORM,
            "platform": "fb",
            "is_organic": False,
        }
        return {name: whole[name] for name in ["id", *asked] if name in whole}


def meta_error(code: int, message: str, subcode: int | None = None) -> Refusal:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "AbCdEf"}
    return Refusal(400, {"error": error if subcode is None else {**error, "error_subcode": subcode}})


# --- Google --------------------------------------------------------------------------------------------

TIMESTAMP = re.compile(r"timestamp >=? (\S+)")


class GoogleForms(Leads):
    base = "https://forms.googleapis.com/v1"
    rate = Rate(60, 60.0)

    def id_of(self, number: int) -> str:
        return f"ACYDBNh{number:06d}"

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        return google_error(status, reason)

    def missing(self) -> Refusal:
        return google_error(404, "Requested entity was not found.")

    @route("GET", "/forms/{form}")
    def form(self, call: Call, form: str) -> Answer:
        return Answer(200, {"formId": form, "info": {"title": "Autumn", "documentTitle": "Autumn"}})

    @route("GET", "/forms/{form}/responses/{id}")
    def one(self, call: Call, form: str, id: str) -> Answer:
        return Answer(200, self._shown(self.lead(id)))

    @route("GET", "/forms/{form}/responses")
    def listing(self, call: Call, form: str) -> Answer:
        call.only("pageSize", "pageToken", "filter")
        since, after = self._since(call.one("filter")), int((call.one("pageToken") or "t0")[1:])
        rows = self.after(after)
        if since is not None:
            rows = [lead for lead in rows if lead.at >= since]
        page = rows[: call.number("pageSize", 5000, most=5000) or 5000]
        body: dict[str, Any] = {"responses": [self._shown(lead) for lead in page]} if page else {}
        if len(rows) > len(page):
            body["nextPageToken"] = f"t{page[-1].number}"
        return Answer(200, body)

    def _since(self, wanted: str | None) -> datetime | None:
        if wanted is None:
            return None
        found = TIMESTAMP.fullmatch(wanted)
        if found is None or not found[1].endswith("Z"):
            raise google_error(400, "Invalid filter")
        return datetime.fromisoformat(found[1])

    def _shown(self, lead: Lead) -> dict[str, Any]:
        at = lead.at.strftime("%Y-%m-%dT%H:%M:%S.123Z")
        told = {"responseId": self.id_of(lead.number), "createTime": at, "lastSubmittedTime": at}
        answers = {
            name: {"questionId": name, "textAnswers": {"answers": [{"value": value}]}}
            for name, value in lead.answers.items()
            if name != "respondentEmail"
        }
        own = {"respondentEmail": lead.answers["respondentEmail"]} if "respondentEmail" in lead.answers else {}
        return {**told, "answers": answers, **own}


def google_error(status: int, message: str) -> Refusal:
    names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
    return Refusal(status, {"error": {"code": status, "message": message, "status": names.get(status, "UNKNOWN")}})


# --- LinkedIn ------------------------------------------------------------------------------------------

OWNER = f"(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A{ACCOUNT})"
SPAN = re.compile(r"\(start:(\d{13}),end:(\d{13})\)")


class LinkedIn(Leads):
    base = "https://api.linkedin.com/rest"
    rate = Rate(1000, 86400.0)

    def id_of(self, number: int) -> str:
        return f"a9a29e52-c0a3-42e3-8af1-{number:012d}-4"

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        return Refusal(status, {"status": status, "code": "ERROR", "message": reason})

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._asked = dict(
            part.partition("=")[::2] for part in request.url.query.decode().split("&") if part
        )  # as it was sent, since what is percent-encoded has a meaning
        return super().handle_request(request)

    def _headed(self, call: Call) -> None:
        if not re.fullmatch(r"\d{6}", call.headers.get("linkedin-version", "")):
            raise self.refusal(call, 426, "A version must be present")
        if call.headers.get("x-restli-protocol-version") != "2.0.0":
            raise self.refusal(call, 400, "Parameter 'owner' is invalid")

    @route("GET", "/leadFormResponses/{id}")
    def one(self, call: Call, id: str) -> Answer:
        self._headed(call)
        return Answer(200, self._shown(self.lead(id)))

    @route("GET", "/leadFormResponses")
    def listing(self, call: Call) -> Answer:
        self._headed(call)
        call.only("q", "owner", "leadType", "limitedToTestLeads", "submittedAtTimeRange", "start", "count")
        asked = self._asked
        if (asked.get("q"), asked.get("owner"), asked.get("leadType")) != ("owner", OWNER, "(leadType:SPONSORED)"):
            raise self.refusal(call, 400, "Invalid query parameters passed to request")
        start, count = call.number("start", 0), call.number("count", 10, least=1, most=100)
        rows = list(self.leads.values())
        if "submittedAtTimeRange" in asked:
            span = SPAN.fullmatch(asked["submittedAtTimeRange"])
            if span is None:
                raise self.refusal(call, 400, "submittedAtTimeRange is invalid")
            first, last = int(span[1]), int(span[2])
            rows = [lead for lead in rows if first <= lead.at.timestamp() * 1000 <= last]
        page = [self._shown(lead) for lead in rows[start : start + count]]
        return Answer(
            200, {"paging": {"start": start, "count": count, "links": [], "total": len(rows)}, "elements": page}
        )

    def _shown(self, lead: Lead) -> dict[str, Any]:
        answers = [
            {"questionId": int(name), "answerDetails": {"textQuestionAnswer": {"answer": value}}}
            for name, value in lead.answers.items()
        ]
        return {
            "id": self.id_of(lead.number),
            "submittedAt": int(lead.at.timestamp() * 1000),
            "leadType": "SPONSORED",
            "testLead": False,
            "owner": {"sponsoredAccount": f"urn:li:sponsoredAccount:{ACCOUNT}"},
            "formResponse": {"answers": answers, "consentResponses": []},
            "versionedLeadGenFormUrn": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:7234246,1)",
        }
