"""`hub dedupe`: how matching sees two contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from hub.cli import show
from hub.cli.screen import Json
from hub.cli.show import cell

if TYPE_CHECKING:
    from hub.sync.pairs import PairStory, Side

app = typer.Typer(no_args_is_help=True, help="How matching sees two contacts.")
Contact = Annotated[str, typer.Argument(metavar="CONTACT", help="A golden id, or CONNECTION:EXTERNAL_ID.")]


@app.callback()
def dedupe() -> None:
    """How matching sees two contacts."""


@app.command()
def explain(ctx: typer.Context, a: Contact, b: Contact, as_json: Json = False) -> None:
    """Why two contacts are one, are not, or are asked about: keys, levels, weights, prior, decision."""
    from hub.sync.pairs import explain_pair

    with show.opened_hub(ctx) as hub, hub.store.read() as tx:
        story = explain_pair(tx, a, b, hub.model)
    if as_json:
        show.put_json(story)
    else:
        _print(show.out(), story)


def _print(out: Console, story: PairStory) -> None:
    show.say(out, f"A  {_name(story.a)}", f"B  {_name(story.b)}")
    show.heading(out, "They meet by")
    for key in story.keys:
        note = "  (shared by too many: brings nobody together)" if key.hot else ""
        show.say(out, f"  {key.text}{note}")
    if not story.keys:
        show.say(out, "  no key: they are never compared; this is what a comparison would say")
    show.heading(out, "Evidence")
    table = show.table("field", "comparison", "bits", "", right=["bits"])
    for line in story.evidence:
        table.add_row(cell(line.field), cell(line.level), f"{line.bits:+.1f}", show.bar(line.bits))
    table.add_row(cell("these two records", "bold"), "", cell(f"{story.weight:+.1f}", "bold"), show.bar(story.weight))
    out.print(table)
    show.heading(out, "Decision")
    if story.cluster_weight is not None:
        show.say(
            out,
            f"  the two golden records as wholes ({story.a.records} and {story.b.records} records): "
            f"{story.cluster_weight:+.1f} bits",
        )
    show.say(
        out,
        f"  {story.decision}: {story.reason}",
        f"  one from {story.join:+.1f} bits, asked from {story.ask:+.1f}, apart below; "
        f"1 bit doubles the odds ({_odds(story.weight)} for these two records)",
    )


def _name(side: Side) -> str:
    records = show.counted(side.records, "record")
    return f"{side.connection}:{side.external_id}, of golden record {side.golden_id} ({records})"


def _odds(bits: float) -> str:
    """Odds in words: 8 to 1, 1 to 8."""
    odds = 2.0 ** min(abs(bits), 40.0)
    return f"{odds:,.0f} to 1" if bits >= 0 else f"1 to {odds:,.0f}"
