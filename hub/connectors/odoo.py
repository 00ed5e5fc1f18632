"""Odoo, the ERP: persons and companies (`res.partner`), by JSON-2, JSON-RPC or XML-RPC.

Source   Odoo 19.0 and a real server of that version; see docs/connectors/odoo.md
Pages    by id, so that nothing moves between pages while they are read
Changes  `write_date`, the time at which a transaction began, shown in whole seconds: what was committed late is
         read again as far back as the longest transaction
Deleted  leaves no trace: found by complete listings only. A partner whose company is deleted keeps its date
Archived `active` false: there, but left out of every search that does not ask for it
Key      of the hub: an external id (`ir.model.data`), which `load` takes as an upsert; or a field of their own
Stale    Odoo compares nothing: the hub reads first and writes then, and what changes between the two is lost
Address  of a person in a company is that of the company: Odoo writes it into both
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, SecretStr

from hub.connectors import odoo_partner as partner
from hub.connectors.by_date import LONG_AGO, Place, read_place
from hub.connectors.contract import Can, Connector, Context, Promise, Report, Settings
from hub.connectors.defaults import default_mapping
from hub.connectors.http import Api, RateLimit
from hub.connectors.odoo_consent import Consents
from hub.connectors.odoo_partner import PARTNER, Places, Raw, Shape, read_time
from hub.connectors.odoo_rpc import PROTOCOLS, Login, Rpc, UnknownNameError, older_version, serves_json2, version_of
from hub.connectors.odoo_write import Rules, Writing, external_name
from hub.connectors.settings import Address
from hub.errors import AccountError
from hub.model import Cursor, Op, Outcome, Page, Record, Unreadable, Write

SECOND = timedelta(seconds=1)  # Odoo's stamps as shown
ADDRESSES_ONLY = ["invoice", "delivery", "other"]  # types of partners that are nobody, but an address of somebody
ASKED_AT_ONCE = 1000  # ids or addresses in one question

T = TypeVar("T")


class OdooSettings(Settings):
    """An Odoo database.

    url              of the server, such as https://erp.example.org
    database         its name
    user             login of the hub's user; not needed by JSON-2, where the key says it
    secret           an API key of that user; the older protocols take its password as well
    protocol         auto: JSON-2 from version 19 on, else JSON-RPC
    key              external_id, or a text field of partners that holds the hub's key, such as x_hub_key
    module           first part of the external ids that the hub gives
    fields           more fields of partners to read, such as x_studio_segment
    addresses        partners that are only an invoice or delivery address of another are read too
    shared_address   write: an address is written through a person to the whole company, as Odoo does it
    blacklist        the blacklist of Odoo's mailings is read and written
    mailing_list     number of a mailing list whose subscriptions are read and written
    compare          a write first looks whether the partner changed since it was read
    page_size        partners read in one call
    batch            partners written in one call, which is one transaction
    overlap_seconds  the longest transaction there: what was committed late is read again that far back
    requests_per_minute  none by default; Odoo's own hosting slows down who asks too often
    timeout_seconds  without a byte moving
    ca_file          certificate authority of a private network
    """

    url: Address
    database: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    user: str | None = None
    secret: SecretStr
    protocol: Literal["auto", "json2", "jsonrpc", "xmlrpc"] = "auto"
    key: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")] = "external_id"
    module: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")] = "contact_hub"
    fields: tuple[Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")], ...] = ()
    addresses: bool = False
    shared_address: Literal["keep", "write"] = "keep"
    blacklist: bool = False
    mailing_list: Annotated[int, Field(ge=1)] | None = None
    compare: bool = True
    page_size: Annotated[int, Field(ge=1, le=2000)] = 500
    batch: Annotated[int, Field(ge=1, le=1000)] = 500
    overlap_seconds: Annotated[int, Field(ge=0)] = 300
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    timeout_seconds: Annotated[float, Field(gt=0)] = 120.0
    ca_file: Path | None = None


class OdooConnector(Connector):
    Settings = OdooSettings
    default_mapping = default_mapping("odoo")
    example = """\
type: odoo
url: https://erp.example.org
database: company
user: hub                     # an Odoo user of the hub's own; JSON-2 does not need its login
secret: env:ODOO_KEY          # an API key of that user
schedule: every 5 minutes
"""

    def __init__(self, settings: OdooSettings, context: Context) -> None:
        super().__init__(settings, context)
        limit = settings.requests_per_minute
        self._api = Api(
            settings.url,
            context,
            accept=("application/json", "text/xml"),
            rate=RateLimit(limit, 60.0) if limit else None,
            timeout_seconds=settings.timeout_seconds,
            deadline_seconds=settings.timeout_seconds * 4,
            ca_file=settings.ca_file,
        )
        self._login = Login(settings.database, settings.user, settings.secret)
        self._rpc: Rpc | None = None
        self._consents: Consents | None = None
        self._shape: Shape | None = None
        self._places: Places | None = None

    @property
    def can(self) -> Can:
        kept = self.settings.key == "external_id"
        return Can(
            changes=True,
            read=True,
            create=True,
            update=True,
            archive=True,
            delete=True,
            stale=self.settings.compare,
            batch=self.settings.batch,
            promise=Promise.KEYED if kept else Promise.READBACK,
        )

    # --- the contract -----------------------------------------------------------------------------

    def check(self) -> Report:
        version = version_of(self._api) or older_version(self._api, self.context.name, self._login)
        count = self.rpc.count(PARTNER, self._scope())
        shape = self.shape()
        asked = {self.settings.key} - {"external_id"} | set(self.settings.fields)
        if unknown := sorted(asked - shape.types.keys()):
            raise AccountError(f"{self.context.name}: partners of this Odoo have no field {unknown[0]!r}.")
        warnings = [
            f"This user may not {right} contacts: set `push: false` or give the right."
            for right in ("create", "write")
            if not self.rpc.may(PARTNER, right)
        ]
        self.consents.newest()  # AccountError when the models are not there or may not be read
        lines = [f"{count} contacts, by {self.rpc.label}"]
        if left := [name for name in partner.TEXTS if name not in shape.types]:
            lines.append(f"This version has no field {', '.join(left)}: left out.")
        return Report(f"Odoo {version}", tuple(lines), tuple(warnings), count)

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        place = self._start() if since is None else self._resume(read_place(since, "Odoo"))
        consent_at = self.consents.newest() if place.begun is not None else None
        if place.after == 0 and consent_at is not None:
            place = self._seen(place, consent_at)
        size = self.settings.page_size
        while True:
            raws = self._page(place, size)
            if place.begun is not None and place.after == 0:
                place = self._seen(place, max(filter(None, map(partner.changed_at, raws)), default=LONG_AGO))
            items = tuple(self._readings(raws))
            if len(raws) < size:
                break
            place = replace(place, after=int(raws[-1]["id"]))
            yield Page(items, place.text())
        pages = [items]
        if place.begun is not None and consent_at is not None and consent_at >= place.begun:
            pages += self._of_changed_consent(place.begun)
        for each in pages[:-1]:
            yield Page(each, place.text())
        yield Page(pages[-1], replace(place, begun=None, after=None).text())

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        return {each.id: each for each in self.records(self._with_ids(ids))}

    def find(self, key: str) -> Record | None:
        if own := self.shape().key:
            return next(self.records(self.raws([[own, "=", key]])), None)
        named = {"module": self.settings.module, "xml_id": external_name(key)}
        try:
            told = self.rpc.read("ir.model.data", "check_object_reference", **named)
        except UnknownNameError:
            return None
        if not isinstance(told, list) or len(told) != 2:
            raise self.rpc.no_odoo(maybe_done=False)
        model, number = told
        return self.read([str(number)]).get(str(number)) if model == PARTNER and number else None

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        if not writes:
            return []
        assert all(each.op is not Op.ERASE for each in writes), "not declared in `can`"
        raws = {str(raw["id"]): raw for raw in self._with_ids([each.id for each in writes if each.id is not None])}
        records = {each.id: each for each in self.records(list(raws.values()))}
        rules = Rules(self.settings.module, self.settings.shared_address == "write", self.settings.compare)
        return Writing(self, rules).carry_out(writes, raws, records)

    # --- what it is made of, asked for once -------------------------------------------------------

    @property
    def rpc(self) -> Rpc:
        if self._rpc is None:
            chosen = self.settings.protocol
            if chosen == "auto":
                chosen = "json2" if serves_json2(version_of(self._api)) else "jsonrpc"
            self._rpc = PROTOCOLS[chosen](self._api, self.context.name, self._login)
        return self._rpc

    @property
    def consents(self) -> Consents:
        if self._consents is None:
            self._consents = Consents(self.rpc, self.settings.blacklist, self.settings.mailing_list)
        return self._consents

    def shape(self) -> Shape:
        if self._shape is None:
            found = self.rpc.read(PARTNER, "fields_get", attributes=["type", "selection"])
            if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
                raise self.rpc.no_odoo(maybe_done=False)
            types = {name: str(each.get("type")) for name, each in found.items()}
            langs = [str(each[0]) for each in found.get("lang", {}).get("selection") or () if each]
            own = None if self.settings.key == "external_id" else self.settings.key
            self._shape = Shape(types, {"lang": langs}, self.settings.fields, own)
        return self._shape

    def places(self) -> Places:
        if self._places is None:
            self._places = self._all_places()
        return self._places

    def _all_places(self) -> Places:
        read = self.rpc.search_read
        states = read("res.country.state", [], ["country_id", "code", "name"])
        return Places(
            {each["id"]: each["code"] for each in read("res.country", [], ["code"]) if each["code"]},
            {each["id"]: (each["country_id"][0], each["code"], each["name"]) for each in states},
            {each["id"]: each["name"] for each in read("res.partner.category", [], ["name"])},
        )

    # --- reading ----------------------------------------------------------------------------------

    def records(self, raws: Sequence[Raw]) -> Iterator[Record]:
        return (each for each in self._readings(raws) if isinstance(each, Record))

    def _readings(self, raws: Sequence[Raw]) -> Iterator[Record | Unreadable]:
        if not raws:
            return
        shape, places = self.shape(), self.places()
        if partner.unknown_references(raws, places):
            places = self._places = self._all_places()
        emails = [str(raw["email_normalized"]) for raw in raws if raw.get("email_normalized")]
        said, nothing = self.consents.of(emails), self.consents.nothing()
        for raw in raws:
            try:
                yield partner.read_partner(raw, shape, places, said.get(raw.get("email_normalized") or "", nothing))
            except (TypeError, ValueError, LookupError, AttributeError) as error:
                reason = f"Odoo shows a contact that is none ({type(error).__name__})."
                yield Unreadable(f"partner {raw['id']}", reason, repr(raw)[:2000], str(raw["id"]))

    def raws(self, domain: Sequence[Any], limit: int | None = None) -> list[dict[str, Any]]:
        return self.rpc.search_read(PARTNER, [*self._scope(), *domain], self.shape().read_fields(), limit=limit)

    def _scope(self) -> list[Any]:
        return [] if self.settings.addresses else [["type", "not in", ADDRESSES_ONLY]]

    def _page(self, place: Place, size: int) -> list[dict[str, Any]]:
        domain: list[Any] = [["id", ">", place.after]]
        if place.begun is not None:
            domain.append(["write_date", ">=", partner.write_time(place.begun)])
        return self.raws(domain, size)

    def _with_ids(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        numbers = sorted({int(each) for each in ids if each.isascii() and each.isdigit() and int(each) < 2**31})
        return [raw for some in _chunks(numbers, ASKED_AT_ONCE) for raw in self.raws([["id", "in", some]])]

    def _of_changed_consent(self, begun: datetime) -> list[tuple[Record | Unreadable, ...]]:
        pages: list[tuple[Record | Unreadable, ...]] = []
        for some in _chunks(self.consents.changed(begun), ASKED_AT_ONCE):
            raws = self.raws([["email_normalized", "in", some]])
            pages += [tuple(self._readings(each)) for each in _chunks(raws, self.settings.page_size)]
        return pages

    def _start(self) -> Place:
        """A complete listing. The newest date is asked for first: what changes meanwhile is read again."""
        last = self.rpc.search_read(PARTNER, [], ["write_date"], limit=1, order="write_date desc")
        dates = [read_time(each["write_date"]) for each in last if each["write_date"]]
        at = max([LONG_AGO, *dates, self.consents.newest() or LONG_AGO]).replace(microsecond=0)
        return Place(at, self._now(), after=0)

    def _resume(self, place: Place) -> Place:
        return place.resumed(self._now(), self.settings.overlap_seconds, SECOND)

    def _seen(self, place: Place, at: datetime) -> Place:
        return place.seen(at.replace(microsecond=0), self._now())

    def _now(self) -> float:
        return self.context.clock().timestamp()


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
