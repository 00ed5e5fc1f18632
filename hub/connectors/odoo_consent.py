"""Consent in Odoo: the blacklist of addresses, and the subscriptions of one mailing list.

Both belong to an address, not to a partner, and leave the partner's own date alone: what changed in them is asked
for on its own. Calls are made for a page or a batch, never for one record.

blacklisted  "yes", or None: nothing said. Only a written "no" takes an address off the blacklist
subscribed   "yes", "no" (opted out), or None: not on the list. Only a written "yes" puts an address on it
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.connectors.odoo_partner import read_time, write_time
from hub.connectors.odoo_rpc import Rpc, UnknownNameError
from hub.errors import AccountError

BLACKLIST = "mail.blacklist"
MEMBER = "mailing.contact"
SUBSCRIPTIONS = ("mailing.subscription", "mailing.contact.subscription")  # since 17; before
ASKED_AT_ONCE = 1000  # addresses in one question


@dataclass(slots=True)
class Consents:
    """What of it a connection looks after; `mailing_list` is the list's number."""

    rpc: Rpc
    blacklist: bool = False
    mailing_list: int | None = None
    _model: str | None = None

    def of(self, emails: Iterable[str]) -> dict[str, dict[str, str | None]]:
        """Normalised address → what is wanted of it."""
        wanted = sorted(set(emails))
        found: dict[str, dict[str, str | None]] = {each: self.nothing() for each in wanted}
        for some in (wanted[start : start + ASKED_AT_ONCE] for start in range(0, len(wanted), ASKED_AT_ONCE)):
            if self.blacklist:
                for each in self.rpc.search_read(BLACKLIST, [["email", "in", some], ["active", "=", True]], ["email"]):
                    found[each["email"]]["blacklisted"] = "yes"
            if self.mailing_list is not None:
                for email, row in self._subscriptions(some).items():
                    found[email]["subscribed"] = "no" if row["opt_out"] else "yes"
        return found

    def nothing(self) -> dict[str, str | None]:
        """What is said of somebody without an address, or of whom nothing is known."""
        said: dict[str, str | None] = {"blacklisted": None} if self.blacklist else {}
        return said | ({"subscribed": None} if self.mailing_list is not None else {})

    def newest(self) -> datetime | None:
        """The date of the last change in any of it."""
        dates = []
        for model, domain in self._watched():
            last = self.rpc.search_read(model, domain, ["write_date"], limit=1, order="write_date desc")
            dates += [read_time(each["write_date"]) for each in last if each["write_date"]]
        return max(dates, default=None)

    def changed(self, since: datetime) -> list[str]:
        """Normalised addresses of which something changed since."""
        found: set[str] = set()
        for model, domain in self._watched():
            newer = [*domain, ["write_date", ">=", write_time(since)]]
            name = "email" if model == BLACKLIST else "contact_id"
            rows = [each[name] for each in self.rpc.search_read(model, newer, [name]) if each[name]]
            found.update(rows if model == BLACKLIST else self._addresses([each[0] for each in rows]))
        return sorted(found)

    def write(self, said: Mapping[str, Mapping[str, Any]]) -> None:
        """said  normalised address → what a write says of it"""
        if self.blacklist:
            self._block([email for email, each in said.items() if each.get("blacklisted") == "yes"])
            self._unblock([email for email, each in said.items() if each.get("blacklisted") == "no"])
        if self.mailing_list is not None:
            self._opt(said, wanted="no")
            self._opt(said, wanted="yes")

    # --- the blacklist ----------------------------------------------------------------------------

    def _block(self, emails: Sequence[str]) -> None:
        if not emails:
            return
        there = self.rpc.search_read(BLACKLIST, [["email", "in", list(emails)]], ["email", "active"])
        known = {each["email"] for each in there}
        asleep = [each["id"] for each in there if not each["active"]]
        new = [{"email": each} for each in emails if each not in known]
        if asleep:
            self.rpc.write(BLACKLIST, "write", asleep, vals={"active": True})
        if new:
            self.rpc.write(BLACKLIST, "create", vals_list=new)

    def _unblock(self, emails: Sequence[str]) -> None:
        if not emails:
            return
        domain = [["email", "in", list(emails)], ["active", "=", True]]
        there = [each["id"] for each in self.rpc.search_read(BLACKLIST, domain, ["email"])]
        if there:
            self.rpc.write(BLACKLIST, "write", there, vals={"active": False})

    # --- the mailing list -------------------------------------------------------------------------

    def _opt(self, said: Mapping[str, Mapping[str, Any]], *, wanted: str) -> None:
        emails = [email for email, each in said.items() if each.get("subscribed") == wanted]
        if not emails:
            return
        out = wanted == "no"
        there = self._subscriptions(emails)
        turned = [row["id"] for row in there.values() if bool(row["opt_out"]) is not out]
        if turned:
            self.rpc.write(self._subscription_model(), "write", turned, vals={"opt_out": out})
        missing = [each for each in emails if each not in there]
        if missing and not out:
            self._subscribe(missing)

    def _subscribe(self, emails: Sequence[str]) -> None:
        members = self._members(emails)
        new = [each for each in emails if each not in members]
        if new:
            made = self.rpc.write(MEMBER, "create", vals_list=[{"email": each, "name": each} for each in new])
            members |= dict(zip(new, made, strict=True))
        rows = [{"contact_id": members[each], "list_id": self.mailing_list} for each in emails]
        self.rpc.write(self._subscription_model(), "create", vals_list=rows)

    def _subscriptions(self, emails: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Address → its subscription; of several the one that opted out."""
        members = {number: email for email, number in self._members(emails, every=True)}
        domain = [["list_id", "=", self.mailing_list], ["contact_id", "in", list(members)]]
        found: dict[str, Mapping[str, Any]] = {}
        for row in self.rpc.search_read(self._subscription_model(), domain, ["contact_id", "opt_out"]):
            email = members[row["contact_id"][0]]
            if email not in found or row["opt_out"]:
                found[email] = row
        return found

    def _members(self, emails: Sequence[str], *, every: bool = False) -> Any:
        """Address → number of its mailing contact; `every`: all pairs, since an address may stand there twice."""
        rows = self.rpc.search_read(MEMBER, [["email_normalized", "in", list(emails)]], ["email_normalized"])
        pairs = [(each["email_normalized"], each["id"]) for each in rows]
        return pairs if every else dict(pairs)

    def _addresses(self, members: Sequence[int]) -> list[str]:
        rows = self.rpc.search_read(MEMBER, [["id", "in", list(members)]], ["email_normalized"])
        return [each["email_normalized"] for each in rows if each["email_normalized"]]

    def _watched(self) -> list[tuple[str, list[Any]]]:
        watched: list[tuple[str, list[Any]]] = [(BLACKLIST, [])] if self.blacklist else []
        if self.mailing_list is not None:
            watched.append((self._subscription_model(), [["list_id", "=", self.mailing_list]]))
        return watched

    def _subscription_model(self) -> str:
        if self._model is None:
            self._model = next((model for model in SUBSCRIPTIONS if self._is_there(model)), None)
        if self._model is None:
            raise AccountError(
                "This Odoo has no mailing lists. Next: install Email Marketing or leave `mailing_list` out."
            )
        return self._model

    def _is_there(self, model: str) -> bool:
        try:
            self.rpc.read(model, "search_count", domain=[["id", "=", 0]])
        except UnknownNameError:
            return False
        return True
