"""Fills the servers of `demo.servers` with made-up people, and does in them what a person there would do."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from demo.people import COUNTRY_NAMES, LANGUAGES, PLACES, Contact, shouted
from demo.servers import DATABASE, Server

TIMEOUT_SECONDS = 60
BATCH = 100
REGION_TYPES = {
    "PT": "district",
    "ES": "province",
    "PL": "voivodship",
    "BR": "state",
    "DE": "land",
    "FR": "metropolitan department",
}


class TrytonDesk:
    """Somebody at work in Tryton: calls its models by JSON-RPC."""

    def __init__(self, server: Server) -> None:
        self._http = httpx.Client(base_url=f"{server.url}/{DATABASE}", timeout=TIMEOUT_SECONDS, trust_env=False)
        user, token, _ = self._call("common.db.login", [server.user, {"password": server.password}, "en"])
        key = base64.b64encode(f"{server.user}:{user}:{token}".encode()).decode()
        self._http.headers["authorization"] = f"Session {key}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def call(self, model: str, method: str, *params: Any) -> Any:
        return self._call(f"model.{model}.{method}", [*params, {}])

    def merge(self, source: int, *, into: int) -> None:
        """Replaces one party by another, by the wizard that Tryton has for it."""
        session = self._call("wizard.party.replace.create", [{}])[0]
        ask = {"ask": {"source": source, "destination": into}}
        self._call("wizard.party.replace.execute", [session, ask, "replace", {}])

    def _call(self, method: str, params: Sequence[Any]) -> Any:
        answer = self._http.post("/rpc/", json={"id": 0, "method": method, "params": list(params)})
        body = answer.raise_for_status().json()
        if "error" in body:
            raise RuntimeError(f"{method}: {body['error']}")
        return body["result"]


class MailmanDesk:
    """Somebody who runs Mailman's lists."""

    def __init__(self, server: Server) -> None:
        self._http = httpx.Client(
            base_url=server.url,
            auth=(server.user, server.password),
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def make_list(self, address: str) -> str:
        """The list's id; neither the list nor its domain need to be new."""
        for path, sent in (
            ("/domains", {"mail_host": address.split("@")[1]}),
            ("/lists", {"fqdn_listname": address}),
        ):
            answer = self._http.post(path, data=sent)
            if answer.status_code not in {201, 400}:  # 400: there already
                answer.raise_for_status()
        return address.replace("@", ".")

    def subscribe(self, list_id: str, address: str, name: str = "") -> None:
        confirmed = {"pre_verified": True, "pre_confirmed": True, "pre_approved": True}
        sent = {
            "list_id": list_id,
            "subscriber": address,
            "display_name": name,
            "send_welcome_message": False,
        }
        self._http.post("/members", data={**sent, **confirmed}).raise_for_status()

    def unsubscribe(self, list_id: str, address: str) -> None:
        self._http.delete(f"/members/{self.member_id(list_id, address)}").raise_for_status()

    def ban(self, list_id: str, address: str) -> None:
        self._http.post(f"/lists/{list_id}/bans", data={"email": address}).raise_for_status()

    def set_delivery(self, list_id: str, address: str, status: str) -> None:
        """by_user: paused by the member; by_bounces: mail came back; enabled."""
        path = f"/members/{self.member_id(list_id, address)}/preferences"
        self._http.patch(path, data={"delivery_status": status}).raise_for_status()

    def is_member(self, list_id: str, address: str) -> bool:
        answer = self._http.get(f"/lists/{list_id}/member/{address}")
        return answer.status_code != 404 and answer.raise_for_status().status_code == 200

    def count(self, list_id: str) -> int:
        return int(self._http.get(f"/lists/{list_id}").raise_for_status().json()["member_count"])

    def member_id(self, list_id: str, address: str) -> str:
        answer = self._http.get(f"/lists/{list_id}/member/{address}")
        return str(answer.raise_for_status().json()["member_id"])


# --- seeds ------------------------------------------------------------------------------------------


def seed_tryton(desk: TrytonDesk, contacts: Sequence[Contact], *, doubles_every: int = 25) -> list[int]:
    """Parties for all contacts, and some entered twice as it happens in an office; their ids.

    doubles_every  every so manieth person is there a second time, in capitals and without e-mail
    """
    countries = seed_countries(desk)
    languages = {each["code"]: each["id"] for each in desk.call("ir.lang", "search_read", [], 0, None, None, ["code"])}
    twice = [shouted(each) for each in contacts[::doubles_every]] if doubles_every else []
    parties = [_party(each, countries, languages[LANGUAGES[each.country]]) for each in (*contacts, *twice)]
    ids: list[int] = []
    for start in range(0, len(parties), BATCH):
        ids += desk.call("party.party", "create", parties[start : start + BATCH])
    return ids


def seed_countries(desk: TrytonDesk) -> dict[str, tuple[int, dict[str, int]]]:
    """Code → (id, subdivisions by name), made unless they are there: a new Tryton has none."""
    found: dict[str, tuple[int, dict[str, int]]] = {}
    for code, name in COUNTRY_NAMES.items():
        ids = desk.call("country.country", "search", [["code", "=", code]], 0, 1, None)
        ids = ids or desk.call("country.country", "create", [{"name": name, "code": code}])
        regions = sorted({place[3] for place in PLACES[code]})
        there = desk.call("country.subdivision", "search_read", [["country", "=", ids[0]]], 0, None, None, ["name"])
        known = {each["name"]: each["id"] for each in there}
        new = [
            {"name": each, "code": f"{code}-{number:02d}", "country": ids[0], "type": REGION_TYPES[code]}
            for number, each in enumerate(regions)
            if each not in known
        ]
        made = desk.call("country.subdivision", "create", new) if new else []
        known.update(zip((str(each["name"]) for each in new), made, strict=True))
        found[code] = (ids[0], known)
    return found


def seed_mailman(
    desk: MailmanDesk, contacts: Sequence[Contact], address: str = "news@example.org", *, every: int = 2
) -> str:
    """A list with every second (or `every` so manieth) person that has an e-mail, as people sign up; its id.

    Some give no name, some only the first one; some have paused it, and for some mail comes back.
    """
    list_id = desk.make_list(address)
    members = [each for each in contacts if each.given and each.email][::every]
    for number, each in enumerate(members):
        name = (each.name, each.given, "", each.name.lower())[number % 4]
        desk.subscribe(list_id, each.email, name)
        if number % 10 == 7:
            desk.set_delivery(list_id, each.email, ("by_user", "by_bounces")[number // 10 % 2])
    for number in range(len(members) // 10):
        desk.subscribe(list_id, f"reader{number}@example.com", f"Reader {number}")  # known to nobody else
    return list_id


def _party(contact: Contact, countries: Mapping[str, tuple[int, dict[str, int]]], language: int) -> dict[str, Any]:
    country, regions = countries[contact.country]
    mechanisms = [
        {"type": kind, "value": value}
        for kind, value in (
            ("email", contact.email),
            ("mobile", contact.mobile),
            ("phone", contact.landline),
        )
        if value
    ]
    address = {
        "street": contact.street,
        "postal_code": contact.postcode,
        "city": contact.city,
        "country": country,
        "subdivision": regions[contact.region],
    }
    identifiers = [{"type": contact.tax_type, "code": contact.tax_id}] if contact.tax_id else []
    return {
        "name": contact.name,
        "lang": language,
        "contact_mechanisms": [["create", mechanisms]],
        "addresses": [["create", [address]]],
        **({"identifiers": [["create", identifiers]]} if identifiers else {}),
    }
