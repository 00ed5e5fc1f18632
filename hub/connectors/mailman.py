"""GNU Mailman 3: the members of one list, by the REST interface of its core.

Source   a real Mailman core 3.3.10; see docs/connectors/mailman.md
Id       the address in small letters, as Mailman tells members apart. `member_id` is no better: leaving and
         coming back gives another one
Pages    by number, in the order of addresses; an address that leaves meanwhile moves the others, so the list
         is read until its size and what was read agree
Changes  none are told: every pull is a complete listing
Delivery paused and bouncing members come from three short searches, not from a call for each member
Consent  being on the list is consent; a member who is gone has withdrawn it. Paused or bouncing is neither
Create   asks for `subscribed: yes`: nobody is put on a list without a consent that says so
Quirk    the name belongs to the address and to the user, so it is the same on all lists of a person
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
from pydantic import Field, SecretStr

from hub.connectors.contract import Can, Connector, Context, Promise, Report, Settings
from hub.connectors.defaults import default_mapping
from hub.connectors.http import Api, HttpStatusError
from hub.connectors.settings import Address
from hub.errors import AccountError, CursorExpired, RecordError, TransientError
from hub.model import Cursor, Done, Missing, NotSent, Op, Outcome, Page, Record, Refused, Unknown, Write

PASSES = 3  # readings of a list that keeps changing, before it is left for the next run
# Without `delivery_mode`: that one alone costs Mailman more than all the others together.
READ_FIELDS = ["member_id", "list_id", "email", "display_name", "bounce_score"]
UNUSUAL = ("by_user", "by_bounces", "by_moderator")  # delivery states; all other members are `enabled`
WRITABLE = frozenset({"email", "display_name", "subscribed"})
ALREADY_CONFIRMED = {  # the consent that the hub holds is the confirmation; no mail goes out
    "pre_verified": True,
    "pre_confirmed": True,
    "pre_approved": True,
    "send_welcome_message": False,
}


class MailmanSettings(Settings):
    """A list on a Mailman core.

    url           of its REST interface with the version, such as http://127.0.0.1:8001/3.1
    user, secret  of that interface (admin_user and admin_pass in mailman.cfg)
    list          list id (news.example.org) or address (news@example.org)
    page_size     members read in one call
    timeout_seconds  without a byte moving
    ca_file       certificate authority of a private network
    """

    url: Address
    user: Annotated[str, Field(min_length=1)] = "restadmin"
    secret: SecretStr
    list: Annotated[str, Field(pattern=r"^[^\s/?#]+\.[^\s/?#]+$")]
    page_size: Annotated[int, Field(ge=1, le=2000)] = 500
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    ca_file: Path | None = None


class MailmanConnector(Connector):
    Settings = MailmanSettings
    default_mapping = default_mapping("mailman")
    example = """\
type: mailman
url: http://127.0.0.1:8001/3.1      # with the version
user: restadmin                     # admin_user in mailman.cfg
secret: env:MAILMAN_REST            # admin_pass
list: news@example.org              # or its id, news.example.org
"""

    def __init__(self, settings: MailmanSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._list = settings.list.lower().replace("@", ".", 1)
        self._api = Api(
            settings.url,
            context,
            auth=httpx.BasicAuth(settings.user, settings.secret.get_secret_value()),
            timeout_seconds=settings.timeout_seconds,
            deadline_seconds=settings.timeout_seconds * 4,
            ca_file=settings.ca_file,
        )

    @property
    def can(self) -> Can:
        return Can(
            read=True,
            create=True,
            update=True,
            delete=True,
            restorable=True,  # only the subscription ends: user and address stay
            promise=Promise.KEYED,
            opt_out_leaves=True,
        )

    def check(self) -> Report:
        version = self._get("/system/versions", "mailman_version")["mailman_version"]
        count = int(self._get(f"/lists/{self._list}", "member_count")["member_count"])
        return Report(str(version), (f"list {self._list}: {count} members",), (), count)

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        """The whole list; members that a second reading meets again come only once."""
        if since is not None:
            raise CursorExpired("Mailman tells no changes: the whole list is read and compared.")
        seen: set[str] = set()
        for _ in range(PASSES):
            delivery = self._delivery()
            sizes: set[int] = set()
            met: set[str] = set()
            for entries, size in self._roster():
                sizes.add(size)
                members = [read_member(each, delivery) for each in entries]
                met.update(each.id for each in members)
                fresh = tuple(each for each in members if each.id not in seen)
                seen.update(each.id for each in fresh)
                yield Page(fresh, None)
            if sizes == {len(met)}:
                return
        raise TransientError(
            f"{self.context.name}: the list changed each time it was read; nothing is concluded from who is "
            "missing. The next run reads it again."
        )

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        found = (self._member(each) for each in dict.fromkeys(ids))
        return {each[1].id: each[1] for each in found if each is not None}

    def find(self, key: str) -> Record | None:  # noqa: ARG002
        """Mailman keeps no key of the hub: an address can be on a list only once, so a create is repeated."""
        return None

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        return [self._written(each) for each in writes]

    # --- reading ----------------------------------------------------------------------------------

    def _roster(self) -> Iterator[tuple[list[Mapping[str, Any]], int]]:
        """Pages of members, each with the size of the list as told at that moment."""
        path = f"/lists/{self._list}/roster/member"
        size = self.settings.page_size
        page, total = 1, 1
        while (page - 1) * size < total:
            body = self._get(path, "total_size", count=size, page=page, fields=READ_FIELDS)
            total = int(body["total_size"])
            yield body.get("entries", []), total
            page += 1

    def _delivery(self) -> dict[str, str]:
        """Members that get no mail at present: member_id → why."""
        found: dict[str, str] = {}
        for status in UNUSUAL:
            page, total = 1, 1
            while (page - 1) * self.settings.page_size < total:
                body = self._get(
                    "/members/find",
                    "total_size",
                    list_id=self._list,
                    role="member",
                    delivery_status=status,
                    fields=["member_id"],
                    count=self.settings.page_size,
                    page=page,
                )
                total = int(body["total_size"])
                found.update({each["member_id"]: status for each in body.get("entries", [])})
                page += 1
        return found

    def _member(self, address: str) -> tuple[str, Record] | None:
        """(member_id, record) as it is now; None when the address is not on the list."""
        try:
            entry = self._whole(self._api.get(f"/lists/{self._list}/member/{_in_path(address)}").body, "member_id")
            member = str(entry["member_id"])
            preferences = self._api.get(f"/members/{member}/preferences").body
        except HttpStatusError as error:
            if error.status == 404:
                return None
            raise self._odd(error) from error
        return member, read_member(entry, {member: preferences.get("delivery_status", "enabled")})

    def _get(self, path: str, needed: str, **params: Any) -> Mapping[str, Any]:
        """The answer; TransientError where it lacks what every answer of this kind has."""
        try:
            return self._whole(self._api.get(path, params=params).body, needed)
        except HttpStatusError as error:
            raise (self._no_list() if error.status == 404 else self._odd(error)) from error

    def _whole(self, body: Any, needed: str) -> Mapping[str, Any]:
        if isinstance(body, Mapping) and needed in body:
            return body
        raise TransientError(
            f"{self.context.name}: what answered is no Mailman, or another version of it (no {needed}); nothing is "
            "concluded from it. Next: check `url`."
        )

    # --- writing ----------------------------------------------------------------------------------

    def _written(self, write: Write) -> Outcome:
        try:
            return self._carry_out(write)
        except RecordError as error:
            return Refused(str(error))
        except UnicodeEncodeError:
            return Refused("A text of this write is not valid Unicode, so it cannot be sent.")
        except HttpStatusError as error:
            return Missing() if error.status == 404 else Refused(refusal(error.body))
        except TransientError as error:
            return Unknown(str(error)) if error.maybe_done else NotSent(str(error), error.retry_after)

    def _carry_out(self, write: Write) -> Outcome:
        assert write.op not in {Op.ARCHIVE, Op.ERASE}, "not declared in `can`"
        address, wanted = address_of(write), write.fields.get("subscribed")
        if write.op is Op.CREATE:
            return self._subscribe(address, write.fields)
        there = self._member(address)
        if write.op is Op.DELETE:
            return self._leave(there)
        if wanted == "no":
            self._leave(there)
            return Done(left(address, self._list, there[1] if there else None))
        if there is None:
            return self._subscribe(address, write.fields) if wanted == "yes" else Missing()
        if "display_name" in write.fields:
            self._rename(address, write.fields["display_name"] or "")
        return self._done(address)

    def _subscribe(self, address: str, fields: Mapping[str, Any]) -> Outcome:
        if fields.get("subscribed") != "yes":
            raise RecordError("Nobody is put on a list without consent: the write gives none for this list.")
        sent = {"list_id": self._list, "subscriber": address, **ALREADY_CONFIRMED}
        name = fields.get("display_name")
        existed = False
        try:
            self._api.post("/members", data={**sent, "display_name": name or ""}, idempotent=True)
        except HttpStatusError as error:
            existed = error.status == 409
            if not existed:
                raise
        there = self._member(address)
        if there is None:
            raise RecordError("Mailman keeps this subscription waiting for a moderator.")
        if name and not existed and there[1].fields.get("display_name") != name:
            self._rename(address, name)  # Mailman knew the address already, by another name
            return self._done(address)
        return Done(there[1], existed=existed)

    def _leave(self, there: tuple[str, Record] | None) -> Outcome:
        if there is None:
            return Missing()
        self._api.delete(f"/members/{there[0]}")
        return Done(None)

    def _rename(self, address: str, name: str) -> None:
        """The list shows the name of the address; the user, where there is one, is called the same."""
        self._api.patch(f"/addresses/{_in_path(address)}", data={"display_name": name}, idempotent=True)
        self._api.patch(f"/users/{_in_path(address)}", data={"display_name": name}, idempotent=True)

    def _done(self, address: str) -> Outcome:
        there = self._member(address)
        return Done(there[1]) if there else Missing()

    # --- errors -----------------------------------------------------------------------------------

    def _no_list(self) -> AccountError:
        return AccountError(
            f"{self.context.name}: there is no list {self._list} at this address; nothing was done. Next: "
            "check `list` and `url`, which ends in the version, such as /3.1."
        )

    def _odd(self, error: HttpStatusError) -> AccountError:
        return AccountError(f"{self.context.name}: {error} Nothing was done. Next: check `url` and `list`.")


# --- pure -------------------------------------------------------------------------------------------


def read_member(entry: Mapping[str, Any], delivery: Mapping[str, str]) -> Record:
    """delivery  member_id → state, of the members that are not `enabled`"""
    address = str(entry["email"])
    fields = {
        "email": address,
        "display_name": entry.get("display_name") or None,
        "list": entry["list_id"],
        "subscribed": "yes",
        "delivery_status": delivery.get(str(entry["member_id"]), "enabled"),
        "bounce_score": entry.get("bounce_score", 0),
    }
    if "display_name" not in entry:
        del fields["display_name"]  # what is not told is not empty
    return Record(id=address.lower(), fields=fields)


def left(address: str, list_id: str, before: Record | None) -> Record:
    """The record of somebody who is not on the list any more."""
    fields = before.fields if before else {"email": address, "list": list_id}
    return Record(id=address, fields={**fields, "subscribed": "no"})


def address_of(write: Write) -> str:
    """RecordError when the write is not one that a list can take."""
    unknown = sorted(set(write.fields) - WRITABLE)
    if unknown:
        raise RecordError(f"Mailman has no field {unknown[0]!r} that can be written.")
    if any("\x00" in str(value) for value in write.fields.values()):
        raise RecordError("A text of this write holds a NUL character, which nobody can have typed.")
    asked = str(write.fields.get("email") or "").strip().lower()
    if write.op is Op.CREATE:
        if not asked:
            raise RecordError("A member of a list needs an address: `email` is empty.")
        return asked
    own = str(write.id).lower()
    if asked not in {"", own}:
        raise RecordError(
            "A subscription belongs to its address: it is not moved to another. Next: end this one, and "
            "subscribe the new address once it has consent."
        )
    return own


def refusal(body: Any) -> str:
    """Mailman's own words, without addresses."""
    said = body.get("description") if isinstance(body, Mapping) else None
    text = re.sub(r"\S+@\S+", "…", str(said or "it gave no reason"))
    return f"Mailman refused it: {text}"


def _in_path(address: str) -> str:
    return quote(address, safe="@")
