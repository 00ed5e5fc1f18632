"""What the demo shows, chapter by chapter. All that is shown is done by the hub and the systems at that moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from anyascii import anyascii

from demo import visitors, witness
from demo.cast import NEW_MOBILE
from demo.company import LIST, Company, fill
from demo.legacy import code_of
from demo.screen import Screen

METRICS = ("hub_lag_seconds", "hub_queue_depth", "hub_optout_unacknowledged_seconds")
SYSTEMS = 4
LIST_ID = LIST.replace("@", ".")
ERP_WEBSITE, SHOP_WEBSITE = "https://metalurgica-simoes.example.com", "https://simoes.example.net"
NEW_STREET = "Rua do Almada 231"
SHOP_MOBILE = "914 700 812"


@dataclass
class Findings:
    """What was looked at in the systems themselves, and whether it is as it should be."""

    lines: list[tuple[str, bool]] = field(default_factory=list)

    def see(self, text: str, holds: bool) -> None:
        self.lines.append((text, holds))

    @property
    def all_hold(self) -> bool:
        return all(holds for _, holds in self.lines)


def tell(company: Company, screen: Screen) -> Findings:
    found = Findings()
    chapters: tuple[Callable[[Company, Screen, Findings], None], ...] = (
        _systems,
        _visits,
        _check,
        _plan,
        _first_sync,
        _golden,
        _duplicates,
        _work_goes_on,
        _second_sync,
        _conflict,
        _written_back,
        _nothing_left,
        _summary,
        _addresses,
    )
    for chapter in chapters:
        chapter(company, screen, found)
    return found


def tell_again(company: Company, screen: Screen) -> Findings:
    """After an earlier demo in the same folder: what it left is there, and goes on."""
    screen.chapter("Going on with what the last demo left")
    company.running.start()
    company.hub.show("check")
    company.hub.show("sync")
    company.hub.show("status")
    found = Findings()
    _addresses(company, screen, found)
    return found


# --- before the hub -----------------------------------------------------------------------------------


def _systems(company: Company, screen: Screen, _: Findings) -> None:
    screen.chapter(
        "A company whose systems do not know of each other",
        "A real Tryton and a real GNU Mailman run on this machine now, each in an environment of its own below "
        f"[bold]{company.folder.name}/[/], and there is a database of the nineties. All people in them are made up.",
    )
    with screen.progress() as bars:
        fill(company, bars)
    with company.erp() as erp, company.lists() as lists:
        rows = [
            (
                "erp",
                "Tryton (SQLite)",
                f"{witness.count(erp)} parties",
                "names, addresses, tax numbers; 12 entered twice",
            ),
            (
                "newsletter",
                "GNU Mailman",
                f"{lists.count(LIST_ID)} members",
                "e-mail addresses; some paused, some bouncing",
            ),
            (
                "old_shop",
                "a legacy SQL table",
                f"{company.shop.count()} rows",
                "UPPER CASE, padded, latin1, S/N, typos, junk",
            ),
            ("website", "a form page", "nothing yet", "what visitors write, with their consent"),
        ]
    screen.table("connection", "system", "holds", "", rows=rows)


def _visits(company: Company, screen: Screen, _: Findings) -> None:
    screen.chapter(
        "Visitors fill in the website's form",
        "[bold]hub run[/] is started in the background: it serves the form page, and would run every connection on "
        "its schedule. A delivery is answered only after it is stored, so nothing that was sent is ever lost.",
    )
    company.running.start()
    answers = visitors.post(company.form, visitors.first_visits(company.cast))
    cast = company.cast
    screen.table(
        "who", "what", "answer",
        rows=[
            (cast.everywhere.name, "a known customer leaves a new mobile number", str(answers[0])),
            (cast.newcomer.name, "somebody new ticks the box for the newsletter", str(answers[1])),
            ("a robot", "fills in a field that people do not see", str(answers[2])),
        ],
    )  # fmt: skip
    visitors.wait_until_taken_in(company.running, "hub_runs_total", 1)


# --- the first sync -----------------------------------------------------------------------------------


def _check(company: Company, screen: Screen, _: Findings) -> None:
    screen.chapter(
        "Is every system reached, and what can it do?",
        "Before anything is written: the configuration is judged, each system is asked, and one record of each is "
        "shown before and after mapping (letters as x: no personal data unless you ask for it).",
    )
    company.hub.show("check")


def _plan(company: Company, screen: Screen, _: Findings) -> None:
    screen.chapter(
        "What would happen? The first sync stops at its plan",
        "Without approval nothing is written to any system. The plan is a list of decisions, row by row.",
    )
    company.hub.show("sync")
    company.hub.show("plan", "--limit", "1")


def _first_sync(company: Company, screen: Screen, _: Findings) -> None:
    screen.chapter(
        "The first sync",
        "Records are read, mapped, matched and merged; then each system is told what it lacks. Every write is on "
        "record before it leaves, so a crash in the middle loses nothing and doubles nothing.",
    )
    company.hub.show("sync", "--yes")
    company.hub.show("status")


def _golden(company: Company, screen: Screen, found: Findings) -> None:
    cast = company.cast
    screen.chapter(
        "One golden record for each contact, and where every value came from",
        f"{cast.everywhere.name} was in all four systems, and each knew something else. Nothing is overwritten for "
        "good: every value stays as a claim of the system that holds it, so a merge can be taken back exactly.",
    )
    company.hub.show("contacts", "find", cast.everywhere.email)
    golden = company.hub.ask("contacts", "find", cast.everywhere.email)["rows"][0]
    systems = {record[0] for record in golden["records"]}
    found.see(f"{cast.everywhere.name} is one contact from {len(systems)} systems", len(systems) == 4)
    company.hub.show("contacts", "show", golden["id"], "--limit", "6")
    screen.say("\nWhy these telephone numbers? Each claim, its time, and whom the hub told:")
    company.hub.show("contacts", "explain", golden["id"], "phones")
    screen.say(
        "\nSome customers were entered twice in the ERP. What is surely one has become one, with both records kept:"
    )
    company.hub.show("contacts", "find", cast.twice[1].mobile)


def _duplicates(company: Company, screen: Screen, _: Findings) -> None:
    screen.chapter(
        "Possible duplicates: where it is not sure, the hub asks",
        "The evidence is weighed field by field. Your answer outranks the model for ever.",
    )
    company.hub.show("review", "list", "--limit", "2")
    screen.say("\nWhat could not be taken is set aside with its reason, never dropped:")
    company.hub.show("parked", "list", "--limit", "6")


# --- the second sync ----------------------------------------------------------------------------------


def _work_goes_on(company: Company, screen: Screen, _: Findings) -> None:
    cast = company.cast
    screen.chapter("People go on working, in all systems at once")
    with company.erp() as desk:
        witness.move(desk, cast.two_edits.name, street=NEW_STREET)
        witness.change_mechanism(desk, cast.clash.name, "website", ERP_WEBSITE)
    company.shop.change(code_of(cast.two_edits), TLM=SHOP_MOBILE)
    time.sleep(0.1)  # the shop's clerk is a moment later
    company.shop.change(code_of(cast.clash), SITE=SHOP_WEBSITE)
    before = company.running.metric("hub_records_total", connection="website", outcome="pulled")
    visits = visitors.later_visits(cast)
    visitors.post(company.form, visits)
    screen.table(
        "where", "who", "what",
        rows=[
            ("Tryton", cast.two_edits.name, f"moves to {NEW_STREET}"),
            ("old shop", cast.two_edits.name, f"has a new mobile number: {SHOP_MOBILE}"),
            ("Tryton", cast.clash.name, f"website becomes {ERP_WEBSITE}"),
            ("old shop", cast.clash.name, f"website becomes {SHOP_WEBSITE}: the same field, another value"),
            ("form", cast.subscriber.name, "a customer ticks the box for the newsletter"),
            ("form", cast.leaver.name, "a member of the newsletter opts out"),
        ],
    )  # fmt: skip
    visitors.wait_until_taken_in(company.running, "hub_records_total", before + len(visits), outcome="pulled")


def _second_sync(company: Company, screen: Screen, _: Findings) -> None:
    screen.chapter(
        "The second sync",
        "Tryton and the old shop tell what changed; Mailman cannot, so its list is compared. What the hub itself wrote "
        "comes by once more and is known as its own, and nothing follows from it. An opt-out goes out "
        "before any other write of that contact.",
    )
    company.hub.show("sync")


def _conflict(company: Company, screen: Screen, found: Findings) -> None:
    cast = company.cast
    screen.chapter(
        "Conflicts: only where the same field changed in two places",
        f"The hub knows what both sides last agreed on. So the two edits of {cast.two_edits.name} were simply merged, "
        f"and only the website of {cast.clash.name} is a conflict: the rule has decided, the value that lost is kept, "
        "and you can overturn it.",
    )
    company.hub.show("conflicts", "list")
    rows = company.hub.ask("conflicts", "list")["rows"]
    found.see("only the true double edit is a conflict", [row["field"] for row in rows] == ["website"])
    if rows:
        company.hub.show("conflicts", "show", str(rows[0]["number"]))


# --- what became of it --------------------------------------------------------------------------------


def _written_back(company: Company, screen: Screen, found: Findings) -> None:
    screen.chapter(
        "What was written back",
        "The demo asks the systems themselves now, without the hub.",
    )
    cast, shop = company.cast, company.shop
    known, moved, clash = cast.everywhere, cast.two_edits, cast.clash
    with company.erp() as erp, company.lists() as lists:
        party, its_new, its_clash = (witness.mechanisms(erp, c.name) for c in (known, moved, clash))
        new_party = witness.mechanisms(erp, cast.newcomer.name)
        street = witness.street(erp, moved.name)
        members = {c.email: lists.is_member(LIST_ID, c.email) for c in (cast.newcomer, cast.subscriber, cast.leaver)}
    row, moved_row, clash_row, left_row = (shop.row(code_of(c)) for c in (known, moved, clash, cast.leaver))
    screen.table(
        "system", "who", "was", "is now",
        rows=[
            ("Tryton", known.name, "no e-mail, no mobile", _all_of(party)),
            ("old shop", known.name, "TLM empty", f"TLM {row['TLM']}"),
            ("Tryton", moved.name, moved.mobile, witness.text(its_new, "mobile")),
            ("old shop", moved.name, f"MORADA {anyascii(moved.street).upper()}", f"MORADA {moved_row['MORADA']}"),
            ("Tryton", clash.name, ERP_WEBSITE, witness.text(its_clash, "website")),
            ("old shop", clash.name, SHOP_WEBSITE, clash_row["SITE"]),
            ("Tryton", cast.newcomer.name, "unknown", f"a party: {witness.text(new_party, 'email')}"),
            ("Mailman", cast.newcomer.name, "unknown", _member(members[cast.newcomer.email])),
            ("Mailman", cast.subscriber.name, "no member", _member(members[cast.subscriber.email])),
            ("Mailman", cast.leaver.name, "a member", _member(members[cast.leaver.email])),
            ("old shop", cast.leaver.name, "NEWSLETTER S", f"NEWSLETTER {left_row['NEWSLETTER']}"),
        ],
    )  # fmt: skip
    found.see("Tryton has the e-mail and the number that only others knew", known.email in party.get("email", []))
    found.see("the old shop has the number from the form", _digits(NEW_MOBILE) in _digits(row["TLM"]))
    found.see("two edits of one contact were merged", _digits(SHOP_MOBILE) in _digits(str(its_new)))
    found.see("… in both directions", NEW_STREET.upper() in moved_row["MORADA"] and NEW_STREET in street)
    found.see("after the conflict both systems agree", its_clash.get("website") == [clash_row["SITE"]])
    found.see("who asked for the newsletter by the form gets it", all(list(members.values())[:2]))
    left = not members[cast.leaver.email] and left_row["NEWSLETTER"] == "N"
    found.see("who opted out by the form is out everywhere", left)


def _member(there: bool) -> str:
    return "a member" if there else "no member"


def _all_of(party: Mapping[str, list[str]]) -> str:
    return "; ".join(value for kind in ("email", "mobile", "phone") for value in party.get(kind, []))


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _nothing_left(company: Company, screen: Screen, found: Findings) -> None:
    screen.chapter(
        "A second cycle: nothing is left to do",
        "No system gets a write: they agree. That is how you see that a synchronisation has ended.",
    )
    began = datetime.now(UTC)
    company.hub.show("sync")
    past = company.hub.ask("runs", "--limit", "40")["runs"]
    runs = [run["counts"] for run in past if datetime.fromisoformat(run["started_at"]) >= began]
    pushed = sum(counts.get("pushed", 0) for counts in runs)
    screen.say(f"\nWritten in this cycle, to all systems together: [bold]{pushed}[/].")
    found.see("a cycle without changes writes nothing", len(runs) == SYSTEMS and pushed == 0)


def _summary(_: Company, screen: Screen, found: Findings) -> None:
    screen.chapter("What was seen")
    for text, holds in found.lines:
        screen.say(f"  {'[green]✓[/]' if holds else '[red]✗[/]'} {text}")


def _addresses(company: Company, screen: Screen, _: Findings) -> None:
    url = company.running.url
    screen.chapter("To look at", "[bold]hub run[/] still serves:")
    screen.table(
        "", "address",
        rows=[
            ("the console", f"{url}/"),
            ("the form page", company.form),
            ("metrics for Prometheus", f"{url}/metrics"),
            ("health", f"{url}/readyz"),
        ],
    )  # fmt: skip
    screen.say("\nSome of the metrics at this moment:")
    for line in company.running.samples(METRICS):
        screen.console.print(f"  {line}", markup=False)
