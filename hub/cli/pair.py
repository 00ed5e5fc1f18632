"""Two contacts as matching sees them, for `hub dedupe explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from hub.cli import show
from hub.cli.show import cell, counted

if TYPE_CHECKING:
    from hub.sync.pairs import Key, PairStory, Side

DECISIONS = {
    "one": "one contact",
    "same": "one contact, by a person's word",
    "different": "two contacts, by a person's word",
    "ask": "a question for a person",
    "apart": "two contacts",
    "never met": "two contacts",
}


def print_pair(out: Console, story: PairStory) -> None:
    show.say(out, f"A  {_name(story.a)}", f"B  {_name(story.b)}")
    show.heading(out, "They meet by")
    for key in story.keys:
        show.say(out, f"  {key.text}{_note(key)}")
    if not story.keys:
        show.say(out, "  no key: these two records are not compared by themselves; this is what it would say")
    show.heading(out, "Evidence")
    _print_evidence(out, story)
    if story.path:
        _print_path(out, story)
    if story.said:
        show.heading(out, "What people said")
        for said in story.said:
            show.say(out, f"  {said.a} and {said.b}: {said.answer}, by {said.person} at {show.moment(said.at)}")
    show.heading(out, "Decision")
    _print_decision(out, story)


def _note(key: Key) -> str:
    if key.hot:
        return "  (shared by too many: brings nobody together)"
    return f"  ({counted(key.shared, 'record')} with it)" if key.shared else ""


def _print_evidence(out: Console, story: PairStory) -> None:
    table = show.table("field", "comparison", "bits", "", right=["bits"])
    for line in story.evidence:
        table.add_row(cell(line.field), cell(line.level), f"{line.bits:+.1f}", show.bar(line.bits))
    table.add_row(cell("these two records", "bold"), "", cell(f"{story.weight:+.1f}", "bold"), show.bar(story.weight))
    out.print(table)


def _print_path(out: Console, story: PairStory) -> None:
    """How two records of one golden record hang together: directly, or over others of it."""
    show.heading(out, "How they hang together")
    table = show.table("from", "to", "bits", "", right=["bits"])
    for step in story.path:
        table.add_row(cell(step.a), cell(step.b), f"{step.bits:+.1f}", show.bar(step.bits))
    out.print(table)


def _print_decision(out: Console, story: PairStory) -> None:
    if story.cluster_weight is not None:
        records = f"{story.a.records} and {counted(story.b.records, 'record')}"
        show.say(out, f"  the two golden records as wholes ({records}): {story.cluster_weight:+.1f} bits")
        if story.a.records + story.b.records > 2:
            show.say(
                out,
                "  (e-mail, phone, address and company count by the best pair of their records; names, birth date,",
                "  tax id and generation by the mean of all pairs that say something)",
            )
    show.say(
        out,
        cell("  ") + cell(DECISIONS.get(story.decision, story.decision), "bold") + cell(f": {story.reason}"),
        f"  one from {story.join:+.1f} bits, asked from {story.ask:+.1f}, apart below; 1 bit doubles the odds "
        f"({odds(story.weight)} for these two records)",
    )


def _name(side: Side) -> str:
    records = counted(side.records, "record")
    return f"{side.connection}:{side.external_id}, of golden record {side.golden_id} ({records})"


def odds(bits: float) -> str:
    """Odds in words: 8 to 1, 1 to 8; beyond a million the number says nothing."""
    ratio = 2.0 ** abs(max(-40.0, min(40.0, bits)))
    text = "more than a million" if ratio > 1_000_000 else f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"
    return f"{text} to 1" if bits >= 0 else f"1 to {text}"
