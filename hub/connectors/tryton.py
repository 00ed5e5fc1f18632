"""Tryton, the ERP: parties with contact mechanisms, addresses and identifiers, by JSON-RPC.

Source   a real trytond 8.2.1 with its module party; see docs/connectors/tryton.md
Pages    by id, so that nothing moves between pages while they are read
Changes  write dates of the party AND of its children: a child changed on its own leaves its party's alone
Deleted  parties: Tryton's log (ir.model.log), whose entries no longer say which party: ids that are missing
         are asked for in it. Children deleted on their own are seen by the next complete listing only
Merged   `replaced_by` names the survivor
Stale    timestamps of the party and its children go with every write; Tryton compares them in its transaction
Key      of the hub: an identifier without a type on the party; `code` stays Tryton's own number
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, SecretStr

from hub.connectors import tryton_party as party
from hub.connectors.by_date import LONG_AGO, Place, read_place
from hub.connectors.contract import Can, Connector, Context, Promise, Report, Settings
from hub.connectors.defaults import default_mapping
from hub.connectors.http import Api
from hub.connectors.settings import Address
from hub.connectors.tryton_party import CHILDREN, PARTY, Raw
from hub.connectors.tryton_rpc import Rpc, read_time, write_time
from hub.connectors.tryton_write import Writing
from hub.errors import AccountError
from hub.model import Cursor, Op, Outcome, Page, Record, Tombstone, Write

LOG = "ir.model.log"
ID_PAGE = 20_000  # ids in one answer, some 160 KB
TICK = timedelta(microseconds=1)  # as exact as dates of Tryton are
MOST_A_PAGE = 2000  # items, by the contract
ASKED_AT_ONCE = 400  # references in one question to the log: SQLite takes about 1,000 parameters
ANY = ["active", "in", [True, False]]  # else Tryton leaves out what was put away
NONE = ["active", "not in", [True, False]]  # true of nothing; without it, it does so inside an OR

T = TypeVar("T")


class TrytonSettings(Settings):
    """A Tryton database.

    url              of the server, such as https://erp.example.org:8000
    database         its name
    user, secret     a user's login and password; a key of an application serves REST only
    page_size        parties read in one call
    batch            parties written in one transaction
    overlap_seconds  the longest transaction there: what was committed late is read again that far back
    deletions        log: Tryton's log is asked, which takes a user who may administrate; listing: deleted
                     parties are found by complete listings only
    timeout_seconds  without a byte moving
    ca_file          certificate authority of a private network
    """

    url: Address
    database: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    user: Annotated[str, Field(min_length=1)]
    secret: SecretStr
    page_size: Annotated[int, Field(ge=1, le=2000)] = 500
    batch: Annotated[int, Field(ge=1, le=500)] = 100
    overlap_seconds: Annotated[int, Field(ge=0)] = 300
    deletions: Literal["log", "listing"] = "log"
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    ca_file: Path | None = None


class TrytonConnector(Connector):
    Settings = TrytonSettings
    default_mapping = default_mapping("tryton")
    example = """\
type: tryton
url: https://erp.example.org:8000
database: company
user: hub                     # a Tryton user of the hub's own, so that its changes carry its name
secret: env:ERP_PASSWORD
"""

    def __init__(self, settings: TrytonSettings, context: Context) -> None:
        super().__init__(settings, context)
        api = Api(
            settings.url,
            context,
            timeout_seconds=settings.timeout_seconds,
            deadline_seconds=settings.timeout_seconds * 4,
            ca_file=settings.ca_file,
        )
        self._rpc = Rpc(api, context.name, settings.database, settings.user, settings.secret)
        context.closing.callback(self._rpc.logout)

    @property
    def can(self) -> Can:
        return Can(
            changes=True,
            tombstones=self._asks_the_log,
            read=True,
            create=True,
            update=True,
            archive=True,
            delete=True,
            stale=True,
            batch=self.settings.batch,
            promise=Promise.READBACK,
        )

    @property
    def _asks_the_log(self) -> bool:
        return bool(self.settings.deletions == "log")

    def check(self) -> Report:
        version = self._rpc.version()
        count = self._rpc.read(PARTY, "search_count", [ANY], 0, None)
        access = self._rpc.read("ir.model.access", "get_access", [PARTY])[PARTY]
        warnings = []
        if not all(access[right] for right in ("create", "write")):
            warnings.append("This user may not create or change parties: set `push: false` or give the right.")
        if not self._rpc.read("country.country", "search_count", [], 0, None):
            warnings.append("Tryton's table of countries is empty: run trytond_import_countries there.")
        if self._asks_the_log:
            try:
                self._count_deleted(LONG_AGO)
            except AccountError as error:
                warnings.append(str(error))
        return Report(f"Tryton {version}", (f"{count} parties",), tuple(warnings), count)

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        place = self._start() if since is None else self._resume(read_place(since, "Tryton"))
        count: int | None = None
        if self._asks_the_log and place.begun is not None and place.after == 0:
            count, latest = self._count_deleted(place.begun)
            place = self._seen(place, latest)
        size = self.settings.page_size
        while True:
            raws = self._rpc.search_read(PARTY, _page_domain(place), party.READ_FIELDS, size)
            if place.begun is not None and place.after == 0:
                place = self._seen(place, party.newest(raws))
            items = tuple(map(party.read_change, raws))
            if len(raws) < size:
                break
            place = replace(place, after=raws[-1]["id"])
            yield Page(items, place.text())
        yield from self._last_pages(items, place, count)

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        found = (party.read_change(raw) for raw in self._raws(ids).values())
        return {each.id: each for each in found if isinstance(each, Record)}

    def find(self, key: str) -> Record | None:
        raw = self._with_keys([key]).get(key)
        return party.read_party(raw) if raw else None

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        if not writes:
            return []
        assert all(each.op is not Op.ERASE for each in writes), "not declared in `can`"
        there = self._raws([each.id for each in writes if each.id is not None])
        keyed = self._with_keys([each.key for each in writes if each.op is Op.CREATE])
        return Writing(self._rpc).carry_out(writes, there, keyed, self.read)

    # --- reading ----------------------------------------------------------------------------------

    def _start(self) -> Place:
        """A complete listing. The newest date is asked for first: what changes meanwhile is read again."""
        at = LONG_AGO
        latest = [["last_modified_at", "DESC"]]
        for model in (PARTY, *CHILDREN.values()):
            found = self._rpc.search_read(model, [ANY], ["last_modified_at"], 1, latest)
            at = max(at, *(read_time(each["last_modified_at"]) for each in found), LONG_AGO)
        if self._asks_the_log:
            at = max(at, self._count_deleted(LONG_AGO)[1])
        return Place(at, self._now(), after=0)

    def _resume(self, place: Place) -> Place:
        return place.resumed(self._now(), self.settings.overlap_seconds, TICK)

    def _seen(self, place: Place, at: datetime) -> Place:
        return place.seen(at, self._now())

    def _now(self) -> float:
        return self.context.clock().timestamp()

    def _last_pages(self, items: tuple[Record | Tombstone, ...], place: Place, count: int | None) -> Iterator[Page]:
        """The rest of the records, then the parties deleted since; the last page ends the reading.

        count  how many were deleted; None: not asked yet
        """
        gone: list[Tombstone] = []
        if place.begun is not None and self._asks_the_log:
            known = self._count_deleted(place.begun)[0] if count is None else count
            gone = self._deleted(place.begun, known) if known else []
        pages = [items, *map(tuple, _chunks(gone, MOST_A_PAGE))]
        done = replace(place, begun=None, after=None)
        for each in pages[:-1]:
            yield Page(each, place.text())
        yield Page(pages[-1], done.text())

    def _raws(self, ids: Sequence[str]) -> dict[str, Raw]:
        numbers = sorted({int(each) for each in ids if each.isascii() and each.isdigit()})
        found: dict[str, Raw] = {}
        for some in _chunks(numbers, self.settings.page_size):
            raws = self._rpc.search_read(PARTY, [["id", "in", some], ANY], party.READ_FIELDS)
            found.update({str(raw["id"]): raw for raw in raws})
        return found

    def _with_keys(self, keys: Sequence[str]) -> dict[str, Raw]:
        """Parties by the hub's key; the key is found on the survivor too when Tryton merged its party."""
        found: dict[str, Raw] = {}
        for some in _chunks(sorted(set(keys)), ASKED_AT_ONCE):
            domain = [["code", "in", some], ["type", "=", None], ANY]
            owners = self._rpc.search_read("party.identifier", domain, ["code", "party"])
            raws = self._raws([str(each["party"]) for each in owners])
            for each in owners:
                raw = raws.get(str(each["party"]))
                if raw is not None and raw["replaced_by"] is None:
                    found.setdefault(each["code"], raw)
        return found

    # --- deletions --------------------------------------------------------------------------------

    def _count_deleted(self, begun: datetime) -> tuple[int, datetime]:
        """How many parties were deleted since, and when the last of them was."""
        domain = [*_deleted_since(begun), ["resource", "like", f"{PARTY},%"]]
        latest = [["create_date", "DESC"]]
        try:
            found = self._rpc.search_read(LOG, domain, ["create_date"], 1, latest)
        except AccountError as error:
            raise AccountError(
                f"{self.context.name}: this user may not search Tryton's log, so deletions cannot be told. "
                "Next: make it an administrator there, or set `deletions: listing`."
            ) from error
        if not found:
            return 0, LONG_AGO
        count: int = self._rpc.read(LOG, "search_count", domain, 0, None)
        return count, read_time(found[0]["create_date"])

    def _deleted(self, begun: datetime, count: int) -> list[Tombstone]:
        """The parties deleted since: of all ids that are not there, those the log names.

        An entry of the log no longer shows which party it was, but can be searched by it.
        """
        there = self._all_ids()
        top = max(there, default=0)
        found: list[Tombstone] = []
        gaps = (each for each in range(top, 0, -1) if each not in there)
        above = range(top + 1, top + 1 + ID_PAGE)  # made and deleted after all that are there
        for some in chain(_chunks(gaps, ASKED_AT_ONCE), _chunks(above, ASKED_AT_ONCE)):
            if len(found) >= count:
                break
            found += self._narrowed(some, self._logged(some, begun), begun)
        return found

    def _narrowed(self, ids: Sequence[int], entries: Sequence[Raw], begun: datetime) -> list[Tombstone]:
        if not entries:
            return []
        if len(entries) >= len(ids):
            at = read_time(entries[-1]["create_date"])
            return [Tombstone(str(each), at) for each in ids]
        found: list[Tombstone] = []
        for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
            found += self._narrowed(half, self._logged(half, begun), begun)
        return found

    def _logged(self, ids: Sequence[int], begun: datetime) -> Sequence[Raw]:
        domain = [*_deleted_since(begun), ["resource", "in", [f"{PARTY},{each}" for each in ids]]]
        return self._rpc.search_read(LOG, domain, ["create_date"])

    def _all_ids(self) -> set[int]:
        found: set[int] = set()
        after = 0
        while True:
            some = self._rpc.read(PARTY, "search", [["id", ">", after], ANY], 0, ID_PAGE, [["id", "ASC"]])
            found.update(some)
            if len(some) < ID_PAGE:
                return found
            after = some[-1]


# --- pure -------------------------------------------------------------------------------------------


def _page_domain(place: Place) -> list[Any]:
    domain: list[Any] = [["id", ">", place.after], ANY]
    if place.begun is not None:
        newer = ["last_modified_at", ">=", write_time(place.begun)]
        domain.append(["OR", NONE, newer, *([name, "where", [ANY, newer]] for name in CHILDREN)])
    return domain


def _deleted_since(begun: datetime) -> list[Any]:
    return [["event", "=", "delete"], ["create_date", ">=", write_time(begun)]]


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
