"""The client: one method for each thing the API does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, cast

import httpx

from hub.client.problems import NotReachable, NotThere, Problem, problem_of
from hub.client.shapes import Changed, Contact, FoundContact, Logged, Mapped, Match, Merged, Ref, Split, Status

PREFIX = "/api/v1"
PAGE = 200  # rows asked for at a time, the most there are in a page
TRIES = 3  # of what may be sent again
WorkList = Literal["runs", "holds", "reviews", "conflicts", "parked"]
NOTHING: Mapping[str, str] = {}
Export = Literal["contacts", "crosswalk", "interactions"]


class Client:
    """Used from one thread; close it, or use it as a context.

    url    where the hub is reached, such as https://hub.example.org
    token  as `hub token` has made it
    """

    def __init__(
        self, url: str, token: str, *, timeout: float = 30.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        base = url.rstrip("/") + PREFIX
        self._http = httpx.Client(base_url=base, headers=headers, timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # --- looking -------------------------------------------------------------------------------------

    def status(self) -> Status:
        return cast("Status", self._json("GET", "/status"))

    def search(self, typed: str, page: int = PAGE) -> Iterator[FoundContact]:
        """Contacts by beginnings of words: of names, mail addresses, numbers, ids."""
        yield from cast("Iterator[FoundContact]", self._pages("/contacts", {"q": typed}, page))

    def contact(self, contact_id: str) -> Contact:
        return cast("Contact", self._json("GET", f"/contacts/{contact_id}"))

    def history(self, contact_id: str, page: int = PAGE) -> Iterator[dict[str, Any]]:
        return self._pages(f"/contacts/{contact_id}/history", {}, page)

    def timeline(self, contact_id: str, page: int = PAGE) -> Iterator[dict[str, Any]]:
        return self._pages(f"/contacts/{contact_id}/timeline", {}, page)

    def erasure(self, contact_id: str) -> dict[str, Any]:
        """What an erasure of this contact would do."""
        return cast("dict[str, Any]", self._json("GET", f"/contacts/{contact_id}/erasure"))

    def erasures(self, page: int = PAGE, *, open_only: bool = False) -> Iterator[dict[str, Any]]:
        """Receipts, the newest first."""
        return self._pages("/erasures", {"open": "true"} if open_only else {}, page)

    def receipt(self, erasure_id: str) -> dict[str, Any]:
        """What became of an erasure in each system."""
        return cast("dict[str, Any]", self._json("GET", f"/erasures/{erasure_id}"))

    def explain(self, contact_id: str, field: str) -> list[dict[str, Any]]:
        """Why a field is what it is."""
        return cast("list[dict[str, Any]]", self._json("GET", f"/contacts/{contact_id}/explain", {"field": field}))

    def consent(self, contact_id: str) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self._json("GET", f"/contacts/{contact_id}/consent"))

    def lookup(
        self, *, phone: str | None = None, mail: str | None = None, customer_number: str | None = None
    ) -> list[Match]:
        """Who has this number or address; nobody: an empty list."""
        asked = {"phone": phone, "mail": mail, "customer_number": customer_number}
        try:
            found = self._json("GET", "/lookup", {name: text for name, text in asked.items() if text is not None})
        except NotThere:
            return []
        return cast("list[Match]", found["matches"])

    def rows(self, what: WorkList, page: int = PAGE, **asked: str) -> Iterator[dict[str, Any]]:
        """Runs, or one of the work lists, with what its page may be asked for: `state="all"`, `connection="erp"`."""
        return self._pages(f"/{what}", asked, page)

    def row(self, what: WorkList, number: int | str) -> dict[str, Any]:
        return cast("dict[str, Any]", self._json("GET", f"/{what}/{number}"))

    def plan(self, hold: int, page: int = PAGE) -> Iterator[dict[str, Any]]:
        return self._pages(f"/holds/{hold}/plan", {}, page)

    def outcomes(self, run: str, page: int = PAGE, **asked: str) -> Iterator[dict[str, Any]]:
        """What a run did, record by record: what="aside", text="silva"."""
        return self._pages(f"/runs/{run}/outcomes", asked, page)

    def stop(self, run: str) -> dict[str, Any]:
        """A run under way ends after its page."""
        return self._post(f"/runs/{run}/stop")

    def export(self, what: Export) -> Iterator[bytes]:
        """CSV, as it comes."""
        with self._http.stream("GET", f"/exports/{what}.csv") as answer:
            if answer.is_error:
                answer.read()
                raise _problem(answer)
            yield from answer.iter_bytes()

    def rules(self) -> dict[str, Any]:
        """The rules by field, how often fields were in conflict, and the `etag` to save a rule with."""
        return cast("dict[str, Any]", self._json("GET", "/rules"))

    def effect(self, field: str, rule: Sequence[str], days: int = 30) -> dict[str, Any]:
        """What a rule would have done with past conflicts: ["latest"], or connections, best first."""
        asked = {"rule": list(rule), "days": str(days)}
        return cast("dict[str, Any]", self._ask("GET", f"/rules/{field}", params=asked).json())

    def configuration(self, connection: str) -> dict[str, Any]:
        """How a connection stands in hub.yaml: `values`, and the `etag` to change it with."""
        answer = self._ask("GET", f"/connections/{connection}/configuration")
        return {**answer.json(), "etag": answer.headers["etag"]}

    def try_configuration(
        self, connection: str, values: Mapping[str, Any] | None = None, secrets: Mapping[str, str] = NOTHING
    ) -> dict[str, Any]:
        """What would come of it: reached, some records read and mapped. Nothing is written anywhere."""
        given = {} if values is None else {"values": dict(values)}
        return self._post(f"/connections/{connection}/configuration/test", {**given, "secrets": dict(secrets)})

    # --- changing ------------------------------------------------------------------------------------

    def configure(
        self,
        connection: str,
        values: Mapping[str, Any],
        *,
        etag: str | None = None,
        secrets: Mapping[str, str] = NOTHING,
        whole: bool = False,
    ) -> dict[str, Any]:
        """Change these keys of a connection in hub.yaml; None takes one out. ChangedMeanwhile: look at it again.

        etag     of `configuration`; None: it is a new one
        secrets  to be sealed, by their key: {"secret": "…"}
        whole    these keys and no others
        """
        headers = {} if etag is None else {"If-Match": etag}
        body = {"values": dict(values), "secrets": dict(secrets)}
        method = "PUT" if whole or etag is None else "PATCH"
        answer = self._ask(method, f"/connections/{connection}/configuration", json=body, headers=headers)
        return {**answer.json(), "etag": answer.headers["etag"]}

    def remove_connection(self, connection: str, etag: str) -> dict[str, Any]:
        """Its records stay, and nothing is deleted in the system."""
        answer = self._ask("DELETE", f"/connections/{connection}/configuration", headers={"If-Match": etag})
        return cast("dict[str, Any]", answer.json())

    def log(self, contact_id: str, kind: str, *, key: str | None = None, **more: Any) -> Logged:
        """Note what happened with a contact: call.answered, note, complaint, task.done …

        more  channel, direction, at (ISO 8601), summary, text, reference, outcome, follow_up (YYYY-MM-DD), withdraws
        """
        body = {"contact": contact_id, "kind": kind, **more}
        return cast("Logged", self._create("/interactions", body, key))

    def pin(self, contact: Contact | Changed, field: str, value: str | None) -> Changed:
        """Fix a value of a contact as it was shown. ChangedMeanwhile when it has changed since."""
        return self._pins("PUT", contact, json={"field": field, "value": value})

    def unpin(self, contact: Contact | Changed, field: str) -> Changed:
        return self._pins("DELETE", contact, params={"field": field})

    def merge(self, contact_ids: Sequence[str], *, key: str | None = None) -> Merged:
        return cast("Merged", self._create("/contacts/merge", {"ids": list(contact_ids)}, key))

    def split(self, contact_id: str, records: Sequence[Ref], *, key: str | None = None) -> Split:
        return cast("Split", self._create(f"/contacts/{contact_id}/split", {"records": list(records)}, key))

    def bulk(self, *, dry_run: bool = False, key: str | None = None, **order: Any) -> dict[str, Any]:
        """Many merges or splits, at most 500, with what came of each line, and what takes them back.

        order  merges=[{"a": …, "b": …}], splits=[{"contact": …, "records": […]}], or csv= and kind=
        """
        return self._create("/contacts/bulk", {**order, "dry_run": dry_run}, key)

    def answer(self, review: int, answer: Literal["same", "different"]) -> dict[str, Any]:
        return self._post(f"/reviews/{review}/answer", {"answer": answer})

    def undo(self, review: int) -> dict[str, Any]:
        return self._post(f"/reviews/{review}/undo")

    def accept(self, conflict: int) -> dict[str, Any]:
        return self._post(f"/conflicts/{conflict}/accept")

    def overturn(self, conflict: int) -> dict[str, Any]:
        return self._post(f"/conflicts/{conflict}/overturn")

    def save_rule(self, field: str, rule: Sequence[str], etag: str) -> dict[str, Any]:
        """Put a rule into the hub's configuration. ChangedMeanwhile when the file is another one by now."""
        answer = self._ask("PUT", f"/rules/{field}", json={"rule": list(rule)}, headers={"If-Match": f'"{etag}"'})
        return cast("dict[str, Any]", answer.json())

    def approve(self, hold: Mapping[str, Any]) -> dict[str, Any]:
        """A hold as it was shown. Overtaken when it counts something else by now."""
        return self._post(f"/holds/{hold['number']}/approve", {"seen": hold["counts"]})

    def refuse(self, hold: Mapping[str, Any]) -> dict[str, Any]:
        return self._post(f"/holds/{hold['number']}/refuse", {"seen": hold["counts"]})

    def decide_rows(self, hold: int, verdict: Literal["approved", "refused"], **chosen: Any) -> dict[str, Any]:
        """Some rows of a hold: numbers=[…], op= or field=, seen=. `moved` in the answer: rows that have changed since.

        seen: how many such rows wait, as they were looked at; Overtaken when there are others by now
        """
        return self._post(f"/holds/{hold}/rows", {"verdict": verdict, **chosen})

    def ask_again(self, hold: int) -> int:
        """What was refused of a hold row by row is asked again. How many records."""
        return int(self._post(f"/holds/{hold}/again", {})["records"])

    def retry(self, **chosen: Any) -> int:
        """Parked records sent back: numbers=[…], connection= or reason=. How many."""
        return int(self._post("/parked/retry", chosen)["records"])

    def drop(self, **chosen: Any) -> int:
        return int(self._post("/parked/drop", chosen)["records"])

    def correct_contacts(self, values: Mapping[str, str], **chosen: Any) -> int:
        """Fields of refused writes put right on their contacts, of those that are chosen as for `retry`. How many."""
        return int(self._post("/parked/contacts", {"values": dict(values), **chosen})["records"])

    def correct(self, values: Mapping[str, str], **chosen: Any) -> int:
        """Fields of parked records as they are meant, of those that are chosen as for `retry`. How many."""
        return int(self._post("/parked/correct", {"values": dict(values), **chosen})["records"])

    def line(self, number: int) -> dict[str, Any]:
        """The text of what could not be read, with the `version` that is sent back with what is meant."""
        return cast("dict[str, Any]", self._json("GET", f"/parked/{number}/line"))

    def look_at_line(self, number: int, text: str) -> dict[str, Any]:
        """What would become of a text in its place: `is_read`, `problem`, `fields`, `mapped`."""
        return self._post(f"/parked/{number}/line/look", {"text": text})

    def put_line_right(self, number: int, text: str, version: str | None = None) -> dict[str, Any]:
        """The text as it is meant: its record is taken in. Overtaken when it is another one than `version` by now."""
        return self._post(f"/parked/{number}/line", {"text": text, "version": version})

    def put_lines_right(self, *, look: bool = False, **asked: Any) -> dict[str, Any]:
        """By one rule: encoding=, or find= and put=, at="end", of those that are chosen as for `retry`.

        look  only what would become of them: how many would be `read`, and the first of them
        """
        return self._post("/parked/lines/look" if look else "/parked/lines", asked)

    def put_domain_right(self, domain: str, meant: str, *, look: bool = False, **chosen: Any) -> dict[str, Any]:
        """What stands behind the @ in parked records and refused writes, chosen as for `retry`. look: only shown"""
        body = {"domain": domain, "meant": meant, **chosen}
        return self._post("/parked/domain/look" if look else "/parked/domain", body)

    def erase(self, contact_id: str, reference: str | None = None, *, key: str | None = None) -> dict[str, Any]:
        """Erase somebody everywhere, which cannot be undone. The id of the erasure."""
        return self._create(f"/contacts/{contact_id}/erasure", {"reference": reference}, key)

    def confirm_erasure(self, erasure_id: str, connection: str) -> dict[str, Any]:
        """You have seen to it that this system holds nothing of them any more."""
        return self._post(f"/erasures/{erasure_id}/confirm", {"connection": connection})

    def retry_erasure(self, erasure_id: str, connection: str) -> dict[str, Any]:
        return self._post(f"/erasures/{erasure_id}/retry", {"connection": connection})

    def lift_erasure(self, erasure_id: str, reason: str) -> dict[str, Any]:
        return self._post(f"/erasures/{erasure_id}/lift", {"reason": reason})

    def run(self, connection: str, *, full: bool = False, key: str | None = None) -> dict[str, Any]:
        return self._create(f"/connections/{connection}/runs", {"full": full}, key)

    def pause(self, connection: str, reason: str = "") -> dict[str, Any]:
        return self._post(f"/connections/{connection}/pause", {"reason": reason})

    def start(self, connection: str) -> dict[str, Any]:
        return self._post(f"/connections/{connection}/start")

    def mapping(self, connection: str) -> Mapped:
        """The mapping of a connection with the ETag that `save_mapping` wants."""
        answer = self._ask("GET", f"/connections/{connection}/mapping")
        return cast("Mapped", {**answer.json(), "etag": answer.headers["etag"]})

    def try_mapping(self, connection: str, mapping: Mapping[str, Any] | None = None, *, again: bool = False) -> Any:
        """What a mapping makes of up to ten records, beside the one in use. Nothing is written."""
        body = {"again": again} if mapping is None else {"mapping": dict(mapping), "again": again}
        return self._post(f"/connections/{connection}/mapping/preview", body)

    def save_mapping(self, shown: Mapped, mapping: Mapping[str, Any] | str) -> dict[str, Any]:
        """A table, or the whole file as text. ChangedMeanwhile when the file has changed since it was shown."""
        body = {"text": mapping} if isinstance(mapping, str) else {"mapping": dict(mapping)}
        path, headers = f"/connections/{shown['connection']}/mapping", {"If-Match": shown["etag"]}
        return cast("dict[str, Any]", self._ask("PUT", path, json=body, headers=headers).json())

    # --- requests ------------------------------------------------------------------------------------

    def _pins(self, method: str, contact: Contact | Changed, **more: Any) -> Changed:
        headers = {"If-Match": f'"{contact["version"]}"'}
        answer = self._ask(method, f"/contacts/{contact['id']}/pins", headers=headers, **more)
        return cast("Changed", answer.json())

    def _create(self, path: str, body: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """With a key, so that it can be sent again when no answer came."""
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        for attempt in range(1, TRIES + 1):
            try:
                return cast("dict[str, Any]", self._ask("POST", path, json=dict(body), headers=headers).json())
            except NotReachable:
                if attempt == TRIES:
                    raise
        raise AssertionError("the last try returns or raises")

    def _post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        more = {} if body is None else {"json": dict(body)}
        return cast("dict[str, Any]", self._ask("POST", path, **more).json())

    def _pages(self, path: str, asked: Mapping[str, str], page: int) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            more = {} if cursor is None else {"cursor": cursor}
            found = self._json("GET", path, {**asked, **more, "limit": str(page)})
            yield from found["items"]
            cursor = found["next"]
            if cursor is None:
                return

    def _json(self, method: str, path: str, params: Mapping[str, str] | None = None) -> Any:
        return self._ask(method, path, params=dict(params or {})).json()

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.TransportError as err:
            detail = f"The hub did not answer ({type(err).__name__}). Whether it was done is not known."
            raise NotReachable(0, {"title": "Not reachable", "detail": detail}) from err
        if answer.is_error:
            raise _problem(answer)
        return answer


def _problem(answer: httpx.Response) -> Problem:
    try:
        members = answer.json()
    except ValueError:
        members = {}
    return problem_of(answer.status_code, members if isinstance(members, dict) else {}, answer.headers)
