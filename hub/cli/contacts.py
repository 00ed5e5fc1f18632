"""`hub contacts`: find golden records, see where every value came from, and put right what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hub.cli import bulk, erasing, happened, show
from hub.cli.screen import DONE, SET_ASIDE, Json, complain
from hub.cli.show import By, GoldenId, Limit, Skip, cell, clean, key_and_value, plain_text, when
from hub.errors import ConfigError
from hub.model import KIND, base_field, element
from hub.readable import elements, name_of
from hub.store.lists import Listed, Part
from hub.sync.link import HOLDING

if TYPE_CHECKING:
    from hub.store.contacts import ChangeRow, Found
    from hub.sync.engine import Hub
    from hub.sync.story import Claim, KeyStory, Story, Telling

app = typer.Typer(
    no_args_is_help=True,
    help="Find golden records, see where every value came from, put right what is wrong.",
)

HELD = frozenset(map(str, HOLDING))
CLAIMS = {
    "own": "says",
    "displaced": "says; overwritten there by the hub",
    "echo": "holds what the hub told it",
}


@app.command()
def find(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="Name, e-mail, phone, external id, CONNECTION:ID or golden id.")],
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Find golden records. Accents, letter case and the order of words make no difference.

    An id, e-mail address or phone number is found by an index; words are looked for in every golden record.
    Exit: 0 found, 1 nothing found.
    """
    from hub.sync import find as search

    with show.opened(ctx) as store, store.read() as tx:
        found, more = search.find(tx, text, show.config_of(ctx).default_region, limit)
    if as_json:
        show.put_json({"rows": found, "more": more})
    elif found:
        _print_found(found)
        if more:
            show.say(show.out(), f"… and more: --limit shows more than {limit}, or say more of the contact.")
    else:
        show.say(show.out(), "Nothing was found.")
    raise typer.Exit(DONE if found else SET_ASIDE)


def _print_found(found: Iterable[Found]) -> None:
    table = show.table("golden id", "name", "e-mail", "phone", "company", "is in")
    for one in found:
        table.add_row(
            cell(one.id) + ("" if one.state == "live" else Text(f" ({one.state})", "yellow")),
            cell(name_of(one.fields)),
            cell("; ".join(elements(one.fields, "emails"))),
            cell("; ".join(elements(one.fields, "phones"))),
            cell(one.fields.get("company") if one.fields.get(KIND) != "organisation" else ""),
            cell(", ".join(f"{c}:{e}" for c, e in one.records)),
        )
    show.out().print(table)


# --- show -------------------------------------------------------------------------------------------


@app.command("show")
def show_one(ctx: typer.Context, golden_id: GoldenId, limit: Limit = 50, skip: Skip = 0, as_json: Json = False) -> None:
    """One golden record: every value and its source, its records, what each system was told, its history.

    --limit and --skip are for the history.
    """
    from hub.sync.story import tell

    part = Part(limit, skip)
    with show.opened_hub(ctx) as hub, hub.store.read() as tx:
        story = tell(tx, golden_id, hub.rules, part)
    if story is None:
        raise show.unknown(golden_id)
    if as_json:
        show.put_json(story)
        return
    _print_story(show.out(), story, part)


def _print_story(out: Console, story: Story, part: Part) -> None:
    head = story.head
    if story.asked != head.id:
        show.say(out, f"{story.asked} was merged into {head.id}: this is {head.id}.")
    out.print(cell(name_of(head.fields) or head.id, "bold"))
    answers = f", answers for {', '.join(story.former)}" if story.former else ""
    show.say(
        out,
        f"golden record {head.id}, {head.state}, version {head.version}{answers}; "
        f"since {show.moment(head.created_at)}, changed {show.moment(head.updated_at)}",
    )
    out.print()
    out.print(_values(story))
    if any(base_field(v.key) == "consents" for v in story.values):
        show.heading(out, "Consents")
        out.print(_consents(story))
    show.heading(out, "Source records")
    out.print(_records(story))
    show.heading(out, "Systems")
    out.print(_systems(story))
    if story.timeline.rows:
        show.heading(out, "Last interactions")
        out.print(happened.events(story.timeline))
        if story.timeline.more:
            show.say(out, f"… and {story.timeline.more:,} more: hub contacts timeline {head.id}")
    show.heading(out, "History")
    show.rows(out, story.history, part, "No change yet.", _history(story.history))


def _values(story: Story) -> Table:
    table = show.table("field", "value", "from")
    for value in story.values:
        if base_field(value.key) != "consents":
            table.add_row(*key_and_value(value.key, value.value), _origin(value))
    for pin in story.pins:
        if pin.value is None and all(v.key != pin.field for v in story.values):
            table.add_row(*key_and_value(pin.field, None), cell(f"removed by a pin of {pin.person}", "magenta"))
    return table


def _origin(value: Any) -> Text:
    if value.pinned_by is not None:
        return cell(f"pinned by {value.pinned_by}", "magenta")
    return cell(f"{value.connection}:{value.external_id}") if value.connection else Text("")


def _consents(story: Story) -> Table:
    table = show.table("channel", "address", "purpose", "status", "since", "basis", "from")
    for value in story.values:
        if base_field(value.key) != "consents":
            continue
        channel, _, rest = element(value.key).partition("|")
        address, _, purpose = rest.rpartition("|")
        said = value.value or {}
        table.add_row(
            cell(channel),
            cell("whole person" if address == "*" else address),
            cell("everything" if purpose == "*" else purpose),
            cell(said.get("status"), "green" if said.get("status") == "granted" else "red"),
            cell(said.get("at")),
            cell(said.get("basis")),
            _origin(value),
        )
    return table


def _records(story: Story) -> Table:
    table = show.table("record", "state", "says so since", "its own values that the hub overwrote there")
    for record in story.records:
        table.add_row(
            cell(f"{record.connection}:{record.external_id}"),
            cell(record.state, "" if record.state in HELD else "yellow"),
            when(record.changed),
            cell(", ".join(record.displaced)),
        )
    return table


def _systems(story: Story) -> Table:
    table = show.table("system", "holds it as", "told last", "what", "still to be told")
    names = {r.connection for r in story.records} | {t.connection for t in story.tellings}
    for name in sorted(names | {w.connection for w in story.waiting}):
        told = [t for t in story.tellings if t.connection == name]
        table.add_row(
            cell(name),
            cell(", ".join(r.external_id for r in story.records if r.connection == name and r.state in HELD)),
            when(told[-1].at) if told else Text("never", "dim"),
            cell(_said(told[-1])) if told else Text(""),
            _still(story, name),
        )
    return table


def _said(telling: Telling) -> str:
    return f"{telling.op}: {', '.join(sorted(telling.fields))}" if telling.fields else telling.op


def _still(story: Story, name: str) -> Text:
    sent = [f"{op} sent {show.moment(at)}, no answer yet" for c, op, at in story.unanswered if c == name]
    queued = [
        f"{w.op} since {show.moment(w.since)}" + (f", {w.attempts} tries failed" if w.attempts else "")
        for w in story.waiting
        if w.connection == name
    ]
    return cell("; ".join([*sent, *queued]), "yellow")


def _history(listed: Listed[ChangeRow]) -> Table:
    table = show.table("at", "what", "by", "change")
    for row in listed.rows:
        table.add_row(when(row.at), cell(row.kind), cell(row.connection), cell(_change(row)))
    return table


def _change(row: ChangeRow) -> str:
    detail = row.detail or {}
    if row.kind.startswith("told: "):
        return "; ".join(f"{key} = {_short(value)}" for key, value in detail.items())
    if row.kind == "merged away":
        return f"into {detail.get('into')}"
    if row.kind in ("split away", "moved in by matching"):
        return f"from {detail.get('from')}"
    return "; ".join(
        f"{key}: {_short(value[0])} → {_short(value[1])}"
        for key, value in detail.items()
        if isinstance(value, list) and len(value) == 2
    )


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = plain_text(value)
    return "is there" if value == {} else text if len(text) <= 60 else text[:59] + "…"


app.command()(happened.timeline)
app.command()(happened.log)
app.command()(erasing.erase)


# --- explain ----------------------------------------------------------------------------------------


@app.command()
def explain(
    ctx: typer.Context,
    golden_id: GoldenId,
    field: Annotated[
        str, typer.Argument(metavar="FIELD", help="A field such as job_title or emails, or emails/ADDRESS.")
    ],
    as_json: Json = False,
) -> None:
    """Why a field is what it is: every claim with its time, the rule, the winner, a pin, who was told."""
    from hub.sync.story import explain_field, tell

    with show.opened_hub(ctx) as hub, hub.store.read() as tx:
        if tell(tx, golden_id, hub.rules, Part(1)) is None:
            raise show.unknown(golden_id)
        keys = explain_field(tx, golden_id, field, hub.rules)
    if as_json:
        show.put_json({"golden_id": golden_id, "field": field, "keys": keys})
        return
    if not keys:
        show.say(show.out(), f"No system says anything about {field}, and nobody has pinned it.")
        raise typer.Exit(SET_ASIDE)
    for key in keys:
        _print_key(show.out(), key)


def _print_key(out: Console, story: KeyStory) -> None:
    name, value = key_and_value(story.key, story.value)
    there = story.value is not None
    out.print(name + " = " + value if there else name + ": " + cell(story.key, "dim") + " is not in the record")
    if story.pin is not None:
        what = "removed" if story.pin.value is None else "fixed"
        show.say(
            out,
            f"  {what} by a pin of {story.pin.person}, {show.moment(story.pin.at)}; a pin beats every rule",
        )
    elif story.claims:
        show.say(out, f"  rule: {story.rule}")
    if story.claims:
        out.print(_claims(story))
    for telling in story.told:
        show.say(
            out,
            f"  told {telling.connection} at {show.moment(telling.at)}: {_short(telling.fields[story.key])}",
        )
    for conflict in story.conflicts:
        show.say(
            out,
            f"  conflict {conflict.number} ({conflict.state}), {show.moment(conflict.at)}: "
            f"hub conflicts show {conflict.number}",
        )
    out.print()


def _claims(story: KeyStory) -> Table:
    table = show.table("", "record", "value", "since", "")
    for claim in story.claims:
        gone = "" if claim.held else "; the record is gone"
        table.add_row(
            _fate(claim, story.value),
            cell(f"{claim.connection}:{claim.external_id}"),
            cell(_short(claim.value)),
            when(claim.since),
            cell(CLAIMS[claim.kind] + gone, "dim"),
        )
    return table


def _fate(claim: Claim, value: Any) -> Text:
    if claim.wins:
        return Text("wins", "green")
    if claim.kind == "echo":
        return Text("")
    return Text("agrees") if claim.value == value else Text("loses", "yellow")


# --- putting right ----------------------------------------------------------------------------------


@app.command()
def pin(
    ctx: typer.Context,
    golden_id: GoldenId,
    field: Annotated[
        str, typer.Argument(metavar="FIELD", help="job_title, custom.NAME, emails/ADDRESS, phones/NUMBER, …")
    ],
    value: Annotated[
        str | None, typer.Argument(metavar="VALUE", help="For emails/… and phones/…: the label, may be empty.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Empty the field, or take the element out.")] = False,
    by: By = None,
) -> None:
    """Fix a value by hand: it beats every system and every rule until it is unpinned. All systems hear it."""
    from hub.sync import desk, people

    if (value is None) is not remove:
        raise ConfigError("Give a VALUE, or --remove instead of it. Nothing was changed.")
    who = show.person(by)
    with show.opened_hub(ctx) as hub:
        key, wanted = desk.pin_value(field, value, show.config_of(ctx).default_region)
        home = people.pin(hub, golden_id, key, wanted, who)
        _done(hub, golden_id, home, f"{key} is {'removed' if remove else 'pinned'} by {who}")


@app.command()
def unpin(
    ctx: typer.Context,
    golden_id: GoldenId,
    field: Annotated[str, typer.Argument(metavar="FIELD", help="As `hub contacts show` names it.")],
    by: By = None,
) -> None:
    """Let the rules decide a field again."""
    from hub.store import contacts as db
    from hub.store.links import resolve_golden
    from hub.sync import people

    who = show.person(by)
    with show.opened_hub(ctx) as hub:
        with hub.store.read() as tx:
            home = resolve_golden(tx, golden_id)
            if home is None:
                raise show.unknown(golden_id)
            pinned = [p.field for p in db.pin_rows(tx, home)]
        if field not in pinned:
            known = f"Pinned: {', '.join(pinned)}." if pinned else "Nothing is pinned there."
            raise ConfigError(f"{clean(field)} of {home} is not pinned, so nothing was changed. {clean(known)}")
        people.unpin(hub, home, field, who)
        _done(hub, golden_id, home, f"the rules decide {field} again")


@app.command()
def merge(
    ctx: typer.Context,
    golden_ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Golden records that are one.")] = None,
    file: bulk.From = None,
    yes: bulk.Yes = False,
    undo_file: bulk.UndoFile = None,
    limit: Limit = 10,
    as_json: Json = False,
    by: By = None,
) -> None:
    """These golden records are one: what was split off goes back, else the one with most records keeps its id.

    Nothing is lost: `hub contacts split` gives back exactly what was merged. --from FILE.csv merges many: the columns
    a and b name two contacts each, by golden id or CONNECTION:EXTERNAL_ID. Without --yes it shows what would be done.
    """
    from hub.sync import people

    if file is not None:
        bulk.run(ctx, "merge", file, bulk.Wanted(yes, undo_file, limit, as_json, by), given=bool(golden_ids))
        return
    who = show.person(by)
    with show.opened_hub(ctx) as hub:
        homes = _homes(hub, golden_ids or [])
        if len(homes) < 2:
            raise ConfigError(
                f"These are one golden record already ({homes[0]}). Nothing was changed."
                if len(golden_ids or []) > 1
                else "Name at least two golden records, or --from FILE.csv. Nothing was changed."
            )
        kept = people.merge(hub, homes, who)
        gone = ", ".join(h for h in homes if h != kept)
        _done(hub, kept, kept, f"merged by {who}; {gone} now answers as {kept}")


def _homes(hub: Hub, golden_ids: Iterable[str]) -> list[str]:
    from hub.store.links import resolve_golden

    homes = []
    with hub.store.read() as tx:
        for golden_id in golden_ids:
            home = resolve_golden(tx, golden_id)
            if home is None:
                raise show.unknown(golden_id)
            homes.append(home)
    return list(dict.fromkeys(homes))


@app.command()
def split(
    ctx: typer.Context,
    golden_id: Annotated[str | None, typer.Argument(metavar="ID", help="Of a golden record.")] = None,
    record: Annotated[
        list[str] | None,
        typer.Option("--record", metavar="CONNECTION:EXTERNAL_ID", help="Leaves it. May be given several times."),
    ] = None,
    file: bulk.From = None,
    yes: bulk.Yes = False,
    undo_file: bulk.UndoFile = None,
    limit: Limit = 10,
    as_json: Json = False,
    by: By = None,
) -> None:
    """Take source records out into a golden record of their own; remembered as different people.

    Every value goes with its record, and both sides are put right in all systems by the next cycles. --from FILE.csv
    splits many: the column contact names a golden id or CONNECTION:EXTERNAL_ID, records those that leave it
    together, several separated by `;`. Without --yes it shows what would be done.
    """
    from hub.sync import people

    if file is not None:
        wanted = bulk.Wanted(yes, undo_file, limit, as_json, by)
        bulk.run(ctx, "split", file, wanted, given=bool(golden_id or record))
        return
    if golden_id is None or not record:
        raise ConfigError("Name a golden record and at least one --record, or --from FILE.csv. Nothing was changed.")
    who = show.person(by)
    refs = [parse_ref(text) for text in record]
    with show.opened_hub(ctx) as hub:
        new = people.split(hub, golden_id, refs, who)
        left = _homes(hub, [golden_id])[0]
        _done(hub, golden_id, left, f"split by {who}; {', '.join(record)} is now {new}", new)


def parse_ref(text: str) -> tuple[str, str]:
    connection, colon, external_id = text.partition(":")
    if not colon or not connection or not external_id:
        raise ConfigError(
            f"{clean(text)!r} names no record, so nothing was changed. Write CONNECTION:EXTERNAL_ID, such as erp:17."
        )
    return connection, external_id


def _done(hub: Hub, asked: str, home: str, what: str, *beside: str) -> None:
    from hub.store.contacts import waiting

    out = show.out()
    if asked != home:
        show.say(out, f"{asked} was merged into {home}.")
    with hub.store.read() as tx:
        told = sorted({w.connection for golden_id in (home, *beside) for w in waiting(tx, golden_id)})
    show.say(out, f"{home}: {what}.")
    if told:
        show.say(out, f"The next cycle tells: {', '.join(told)}. Now: hub sync {' '.join(told)}")
    elif not hub.targets():
        complain("No connection is written to, so no system has to be told.")
