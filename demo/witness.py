"""What the systems themselves hold, asked without the hub; and what somebody does there."""

from __future__ import annotations

from typing import Any

from demo.seed import TrytonDesk


def party_id(desk: TrytonDesk, name: str) -> int:
    """The one party of that very name."""
    [found] = desk.call("party.party", "search", [["name", "=", name]], 0, None, None)
    return int(found)


def mechanisms(desk: TrytonDesk, name: str) -> dict[str, list[str]]:
    """E-mails, telephones and websites of a party by type; empty when there is no such party."""
    rows = desk.call(
        "party.contact_mechanism",
        "search_read",
        [["party.name", "=", name]],
        0,
        None,
        [["id", "ASC"]],
        ["type", "value"],
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["type"], []).append(row["value"])
    return found


def street(desk: TrytonDesk, name: str) -> str:
    rows = desk.call(
        "party.address", "search_read", [["party.name", "=", name]], 0, 1, None, ["street", "postal_code", "city"]
    )
    return ", ".join(rows[0][part] or "" for part in ("street", "postal_code", "city")) if rows else ""


def add_mechanism(desk: TrytonDesk, name: str, kind: str, value: str) -> None:
    new = {"contact_mechanisms": [["create", [{"type": kind, "value": value}]]]}
    desk.call("party.party", "write", [party_id(desk, name)], new)


def change_mechanism(desk: TrytonDesk, name: str, kind: str, value: str) -> None:
    """Gives the party's first mechanism of a kind another value, as its form in Tryton does."""
    ids = desk.call("party.contact_mechanism", "search", [["party.name", "=", name], ["type", "=", kind]], 0, 1, None)
    changed = {"contact_mechanisms": [["write", ids, {"value": value}]]}
    desk.call("party.party", "write", [party_id(desk, name)], changed)


def move(desk: TrytonDesk, name: str, **address: str) -> None:
    """The person moves: another first address."""
    ids = desk.call("party.address", "search", [["party.name", "=", name]], 0, 1, None)
    desk.call("party.party", "write", [party_id(desk, name)], {"addresses": [["write", ids, dict(address)]]})


def count(desk: TrytonDesk) -> int:
    return int(desk.call("party.party", "search_count", []))


def text(values: dict[str, Any], key: str) -> str:
    return ", ".join(values.get(key, [])) or "–"
