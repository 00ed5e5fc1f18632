"""LDAP: the people of a directory, OpenLDAP, Active Directory and others.

Source   RFC 4511, 2696 (pages), 4533 (syncrepl), 4528 (assertion); a real slapd 2.5. Active Directory's ways are
         Microsoft's published ones (MS-ADTS) and were tested on a stand-in only; see docs/connectors/ldap.md
Id       entryUUID (objectGUID in Active Directory): it outlives every renaming, which a DN does not
Changes  modify_timestamp, entry_csn: from the newest known on, and the overlap before it, since clocks differ
         syncrepl: the server's cookie; it tells deletions too, if it keeps a session log
         usn: Active Directory's uSNChanged, bound to one controller and its invocationId; deletions from the
         container of deleted objects
Stale    the entry is read, its version compared, and the change names the values it removes (result 16), with the
         assertion control where the server has it
Key      of the hub is the value of `reference`; where that names the entry too, a repeated create is refused with 68
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import Field, SecretStr, model_validator

from hub.connectors.contract import Can, Connector, Context, Promise, Report, Settings
from hub.connectors.defaults import default_mapping
from hub.connectors.ldap_entry import Shape, id_filter, id_of, modification, new_entry, read_entry, replaced
from hub.connectors.ldap_link import ASSERTION, SYNC, Account, Entry, LdapRefusal, Link, parse_dn
from hub.errors import AccountError, CursorExpired, RecordError, TransientError
from hub.model import (
    Cursor,
    Done,
    Missing,
    NotSent,
    Op,
    Outcome,
    Page,
    Record,
    Refused,
    Stale,
    Tombstone,
    Unknown,
    Unreadable,
    Write,
)

STAMP_OF = {"modify_timestamp": "modifyTimestamp", "entry_csn": "entryCSN"}
ASKED_AT_ONCE = 50  # ids in one filter
GONE = 32
STALE = frozenset({16, 20, 122})  # no such value, the value is there already, assertion failed
SAID = {
    17: "it does not know an attribute",
    19: "a value breaks a rule of the directory",
    21: "a value is not of the form that its attribute takes",
    64: "the entry cannot have such a name",
    65: "an attribute that the class requires is missing, or one is not allowed",
    67: "an attribute of the entry's name cannot be changed so",
    68: "another entry has this name",
}
_PEOPLE = (
    *("cn", "sn", "givenName", "title", "o", "ou", "mail", "telephoneNumber", "mobile", "homePhone", "street"),
    *("postalCode", "l", "st", "description", "labeledURI", "preferredLanguage", "businessCategory", "uid"),
)
_LISTS = ("mail", "telephoneNumber", "mobile", "homePhone", "businessCategory")


class LdapSettings(Settings):
    """Entries below one place of a directory.

    url              ldap://host or ldaps://host, with a port where it is not the usual one
    user, secret     DN (or user@domain in Active Directory) and password
    base             DN below which the people are
    filter           which entries are meant
    key              attribute that names an entry for ever: entryUUID, in Active Directory objectGUID
    changes          how changes are found; listing: by reading everything
    attributes       read, and written where the mapping does
    multiple         those of them that are lists
    reference        attribute that holds the hub's key; where it is `rdn` too, it names new entries
    rdn              attribute that names new entries within `create_in`
    create_in        DN below which new entries are made; `base` where it is not given
    classes          object classes of new entries
    page_size        entries read in one call
    overlap_seconds  by how much the clocks of hub and directory, or of its servers, may differ
    start_tls        encrypt an ldap:// connection; the password travels in the clear without it
    timeout_seconds  for one call
    ca_file          certificate authority of a private network
    """

    url: Annotated[str, Field(pattern=r"^ldaps?://[^/?#\s]+/?$")]
    user: Annotated[str, Field(min_length=1)]
    secret: Annotated[SecretStr, Field(min_length=1)]  # an empty one would bind as nobody
    base: Annotated[str, Field(min_length=3)]
    filter: Annotated[str, Field(pattern=r"^\(.+\)$")] = "(objectClass=inetOrgPerson)"
    key: Literal["entryUUID", "objectGUID"] = "entryUUID"
    changes: Literal["modify_timestamp", "entry_csn", "syncrepl", "usn", "listing"] = "modify_timestamp"
    attributes: tuple[str, ...] = _PEOPLE
    multiple: tuple[str, ...] = _LISTS
    reference: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] = "uid"
    rdn: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] = "uid"
    create_in: str | None = None
    classes: tuple[str, ...] = ("inetOrgPerson", "organizationalPerson", "person", "top")
    page_size: Annotated[int, Field(ge=1, le=1000)] = 500
    overlap_seconds: Annotated[int, Field(ge=0)] = 300
    start_tls: bool = False
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.start_tls and self.url.startswith("ldaps:"):
            raise ValueError("`start_tls` is for ldap://; ldaps:// is encrypted from the beginning")
        if self.changes == "usn" and self.key != "objectGUID":
            raise ValueError("changes: usn is Active Directory's, where `key` is objectGUID")
        if self.rdn != self.reference and self.rdn not in self.attributes:
            raise ValueError("`rdn` has to be one of `attributes`, or the same as `reference`")
        return self


class LdapConnector(Connector):
    Settings = LdapSettings
    default_mapping = default_mapping("ldap")
    example = """\
type: ldap
url: ldap://directory.example.org
start_tls: true
user: cn=hub,dc=example,dc=org
secret: env:LDAP_PASSWORD
base: ou=people,dc=example,dc=org
changes: syncrepl                   # where the overlay syncprov is loaded, with a session log
"""

    def __init__(self, settings: LdapSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._shape = Shape(settings.attributes, frozenset(settings.multiple), settings.key, settings.reference)
        account = Account(
            settings.url,
            settings.user,
            settings.secret.get_secret_value(),
            settings.start_tls,
            settings.ca_file,
            settings.timeout_seconds,
        )
        self._link = Link(context, account)

    @property
    def can(self) -> Can:
        how = self.settings.changes
        return Can(
            changes=how != "listing",
            tombstones=how in {"syncrepl", "usn"},
            read=True,
            create=True,
            update=True,
            delete=True,
            restorable=self.settings.key == "objectGUID",  # Active Directory keeps deleted objects for half a year
            stale=True,
            promise=Promise.READBACK,
        )

    def check(self) -> Report:
        count = sum(len(page) for page in self._pages(self.settings.filter, [self.settings.key]))
        warnings = []
        if self.settings.changes == "syncrepl" and not self._link.offers(SYNC):
            warnings.append("The directory does not announce syncrepl: use changes: modify_timestamp.")
        if self.settings.changes == "usn" and "highestcommittedusn" not in self._link.root():
            warnings.append("The directory tells no highestCommittedUSN: it is no Active Directory.")
        if self.settings.url.startswith("ldap:") and not self.settings.start_tls:
            warnings.append("The password travels in the clear: set `start_tls: true`, or use ldaps://.")
        return Report(_system(self._link.root()), (f"{count} entries",), tuple(warnings), count)

    # --- reading ----------------------------------------------------------------------------------

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        place = {} if since is None else self._place(since)
        match self.settings.changes:
            case "syncrepl":
                return self._synced(place.get("cookie"))
            case "usn":
                return self._by_usn(place)
            case "listing":
                if since is not None:
                    raise CursorExpired(f"{self.context.name}: every pull reads everything.")
                return self._listed()
        return self._by_stamp(place.get("at"))

    def _listed(self) -> Iterator[Page]:
        for entries in self._pages(self.settings.filter):
            yield Page(self._records(entries), None)

    def _by_stamp(self, since: str | None) -> Iterator[Page]:
        """All, or what bears a stamp from `since` less the overlap on. The cursor moves when all has been read.

        It never passes the time when reading began: an entry that was read already may change meanwhile.
        """
        began = self.context.clock().astimezone(UTC).strftime("%Y%m%d%H%M%S")
        filter_, newest = self.settings.filter, since or ""
        if since is not None:
            low = _stamp_text(since, self.settings.overlap_seconds, self._stamp)
            filter_ = f"(&{filter_}({self._stamp}>={low}))"
        held: tuple[Any, ...] | None = None
        for entries in self._pages(filter_):
            if held is not None:
                yield Page(held, None if since is None else self._cursor(at=since))
            held = self._records(entries)
            newest = max([newest, *(min(self._stamp_of(each), began) for each in entries)])
        at = newest or began
        yield Page(held or (), self._cursor(at=at))

    def _stamp_of(self, entry: Entry) -> str:
        """The first fourteen digits: to the second, which the overlap makes good. Without it no change is ever seen."""
        stamp = next(iter(entry.raw.get(self._stamp) or ()), None)
        if stamp is None:
            raise AccountError(
                f"{self.context.name}: the directory does not show {self._stamp} to this account; nothing is "
                "concluded. Next: give it the right to read it, or set `changes`."
            )
        return stamp.decode()[:14]

    def _synced(self, cookie: str | None) -> Iterator[Page]:
        size = self.settings.page_size
        for told in self._link.sync(self.settings.base, self.settings.filter, self._shape.asked, cookie, size):
            items = (*self._records(told.entries), *map(Tombstone, told.gone))
            after = told.cookie if told.cookie is not None else cookie
            last = told.cookie is not None
            yield Page(items, self._cursor(cookie=after) if last or cookie is not None else None)

    def _by_usn(self, place: dict[str, Any]) -> Iterator[Page]:
        """Numbers of one controller: another one, or one restored from a backup, counts anew."""
        root = self._link.fresh_root()
        server, top = self._controller(root), int(_text(root, "highestcommittedusn") or 0)
        if place and place.get("server") != server:
            raise CursorExpired(f"{self.context.name}: another domain controller answers, or it was restored.")
        low = int(place["usn"]) + 1 if place else 0
        filter_ = f"(&{self.settings.filter}(uSNChanged>={low}))" if place else self.settings.filter
        held: tuple[Any, ...] | None = None
        for entries in self._pages(filter_):
            if held is not None:
                yield Page(held, self._cursor(**place) if place else None)
            held = self._records(entries)
        if place:
            bin_ = f"CN=Deleted Objects,{_text(root, 'defaultnamingcontext')}"
            asked = f"(&(isDeleted=TRUE)(uSNChanged>={low}))"
            for entries in self._link.pages(bin_, asked, ["objectGUID"], self.settings.page_size, deleted=True):
                yield Page(held or (), self._cursor(**place))
                held = tuple(Tombstone(each) for each in self._ids(entries))
        yield Page(held or (), self._cursor(server=server, usn=top))

    def _controller(self, root: dict[str, list[bytes]]) -> str:
        name = _text(root, "dsservicename")
        found = self._link.entry(name, ["invocationId"]) if name else None
        number = next(iter((found.raw.get("invocationId") or [b""]) if found else [b""]))
        if not name or not number:
            raise AccountError(
                f"{self.context.name}: the directory does not say which domain controller it is; nothing was read. "
                "Next: use changes: modify_timestamp."
            )
        return f"{blake2b(name.encode(), digest_size=4).hexdigest()}-{number.hex()}"

    @property
    def _stamp(self) -> str:
        return STAMP_OF[self.settings.changes]

    def _pages(self, filter_: str, names: Sequence[str] | None = None) -> Iterator[list[Entry]]:
        return self._link.pages(self.settings.base, filter_, names or self._shape.asked, self.settings.page_size)

    def _records(self, entries: Sequence[Entry]) -> tuple[Record | Unreadable, ...]:
        return tuple(self._item(each) for each in entries)

    def _item(self, entry: Entry) -> Record | Unreadable:
        record = read_entry(entry.raw, parse_dn(entry.dn)[0], self._shape)
        if record is None:
            reason = f"the directory does not show {self.settings.key} to this account"
            return Unreadable(blake2b(entry.dn.encode(), digest_size=6).hexdigest(), reason, entry.dn)
        return record

    def _ids(self, entries: Sequence[Entry]) -> list[str]:
        found = (id_of(each.raw.get("objectGUID") or (), "objectGUID") for each in entries)
        return [each for each in found if each is not None]

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        found = (self._item(each) for each in self._entries(ids).values())
        return {each.id: each for each in found if isinstance(each, Record)}

    def _entries(self, ids: Sequence[str]) -> dict[str, Entry]:
        wanted = {each: text for each in ids if (text := id_filter(each, self.settings.key)) is not None}
        rest, found = iter(wanted.values()), {}
        while some := list(islice(rest, ASKED_AT_ONCE)):
            for page in self._pages(f"(&{self.settings.filter}(|{''.join(some)}))"):
                for entry in page:
                    identity = id_of(entry.raw.get(self.settings.key) or (), self.settings.key)
                    if identity in wanted:
                        found[identity] = entry
        return found

    def find(self, key: str) -> Record | None:
        from ldap.filter import escape_filter_chars

        filter_ = f"(&{self.settings.filter}({self.settings.reference}={escape_filter_chars(key)}))"
        found = [self._item(each) for page in self._pages(filter_) for each in page]
        return next((each for each in found if isinstance(each, Record) and each.key == key), None)

    # --- writing ----------------------------------------------------------------------------------

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        return [self._written(each) for each in writes]

    def _written(self, write: Write) -> Outcome:
        assert write.op not in {Op.ARCHIVE, Op.ERASE}, "not declared in `can`"
        try:
            if write.op is Op.CREATE:
                return self._create(write)
            entry = self._entries([str(write.id)]).get(str(write.id))
            if entry is None:
                return Missing()
            record = self._item(entry)
            if isinstance(record, Record) and write.version not in {None, record.version}:
                return Stale()
            return self._update(write, entry) if write.op is Op.UPDATE else self._delete(entry)
        except RecordError as error:
            return Refused(str(error))
        except LdapRefusal as refusal:
            if refusal.code == GONE and write.op is not Op.CREATE:
                return Missing()
            return Stale() if refusal.code in STALE and write.op is not Op.CREATE else Refused(self._why(refusal))
        except TransientError as error:
            return Unknown(str(error)) if error.maybe_done else NotSent(str(error), error.retry_after)

    def _create(self, write: Write) -> Outcome:
        from ldap.dn import escape_dn_chars

        there = self.find(write.key)
        if there is not None:
            return Done(there, existed=True)
        values = new_entry(write.fields, self.settings.classes, self._shape)
        values[self.settings.reference] = [write.key.encode()]
        name = values.get(self.settings.rdn)
        if not name:
            raise RecordError(f"The entry needs {self.settings.rdn}, by which it is named in the directory.")
        missing = [each for each in ("cn", "sn") if each not in values and "inetOrgPerson" in self.settings.classes]
        if missing:
            raise RecordError(f"The class inetOrgPerson requires {' and '.join(missing)}, which this contact has not.")
        parent = self.settings.create_in or self.settings.base
        self._link.add(f"{self.settings.rdn}={escape_dn_chars(name[0].decode())},{parent}", values)
        record = self.find(write.key)
        return Done(record) if record else Unknown("The directory took the entry and does not show it.")

    def _update(self, write: Write, entry: Entry) -> Outcome:
        dn, parts = entry.dn, parse_dn(entry.dn)
        todo = modification(entry.raw, parts[0], write.fields, self._shape)
        unless = self._unchanged(entry)
        if todo.rdn:
            from ldap.dn import dn2str, escape_dn_chars

            named = {name.lower(): value for name, value in todo.rdn.items()}
            rdn = "+".join(f"{name}={escape_dn_chars(named.get(name.lower(), old))}" for name, old in parts[0])
            self._link.rename(dn, rdn, unless)
            dn, unless = ",".join([rdn, dn2str([[(n, v, 1) for n, v in part] for part in parts[1:]])]), None
        if todo.changes:
            try:
                self._link.modify(dn, todo.changes, unless)
            except LdapRefusal as refusal:
                if refusal.code != 18:  # some attributes have no rule of equality
                    raise
                self._link.modify(dn, replaced(todo.changes, entry.raw), unless)
        record = self.read([str(write.id)]).get(str(write.id))
        return Done(record) if record else Missing()

    def _delete(self, entry: Entry) -> Outcome:
        self._link.delete(entry.dn, self._unchanged(entry))
        return Done(None)

    def _unchanged(self, entry: Entry) -> str | None:
        """A filter that only this state of the entry matches, where the server has such a stamp and checks it."""
        from ldap.filter import escape_filter_chars

        stamp = next(iter(entry.raw.get("entryCSN") or ()), None)
        if stamp is None or not self._link.offers(ASSERTION):
            return None
        return f"(entryCSN={escape_filter_chars(stamp.decode())})"

    def _why(self, refusal: LdapRefusal) -> str:
        """In our words; of the server's own only the names of attributes, since it quotes values too."""
        words = set(refusal.said.replace("'", " ").replace(":", " ").replace(",", " ").split())
        named = sorted(words & {*self.settings.attributes, self.settings.rdn, self.settings.reference})
        about = f" ({', '.join(named)})" if named else ""
        said = SAID.get(refusal.code, "it gave no reason that can be shown")
        return f"The directory refused it with LDAP result {refusal.code}: {said}{about}."

    # --- cursors ----------------------------------------------------------------------------------

    @cached_property
    def _mark(self) -> str:
        settings = self.settings
        text = "\n".join([settings.url, settings.base, settings.filter, settings.changes])
        return blake2b(text.encode(), digest_size=6).hexdigest()

    def _cursor(self, **place: Any) -> Cursor:
        return orjson.dumps({"of": self._mark, **place}, option=orjson.OPT_SORT_KEYS).decode()

    def _place(self, cursor: Cursor) -> dict[str, Any]:
        try:
            place = orjson.loads(cursor)
        except ValueError:
            place = None
        if not isinstance(place, dict) or place.pop("of", None) != self._mark:
            raise CursorExpired(f"{self.context.name}: this is no cursor of this directory: all is listed anew.")
        return place


# --- pure -------------------------------------------------------------------------------------------


def _system(root: dict[str, list[bytes]]) -> str:
    if "highestcommittedusn" in root:
        return "Active Directory"
    if b"OpenLDAProotDSE" in root.get("objectclass", []):
        return "OpenLDAP"
    return _text(root, "vendorname") or "LDAP"


def _text(raw: dict[str, list[bytes]], name: str) -> str:
    return next(iter(raw.get(name) or [b""])).decode()


def _stamp_text(since: str, overlap_seconds: int, name: str) -> str:
    at = datetime.strptime(since, "%Y%m%d%H%M%S").replace(tzinfo=UTC) - timedelta(seconds=overlap_seconds)
    text = at.strftime("%Y%m%d%H%M%S")
    return f"{text}.000000Z#000000#000#000000" if name == "entryCSN" else f"{text}Z"
