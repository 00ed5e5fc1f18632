"""`hub dedupe`: how matching sees two contacts, how well it does, and what it learns from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from hub.cli import show
from hub.cli.pair import print_pair
from hub.cli.screen import Json

if TYPE_CHECKING:
    from hub.dedupe.weigh import Model
    from hub.sync.engine import Hub

app = typer.Typer(no_args_is_help=True, help="How matching sees two contacts, how well it does, what it learns.")
FEW_WORST, MOST_WORST = 3, 20  # mistakes of each kind that are shown
Contact = Annotated[str, typer.Argument(metavar="CONTACT", help="A golden id, or CONNECTION:EXTERNAL_ID.")]


@app.callback()
def dedupe() -> None:
    """How matching sees two contacts, how well it does, what it learns."""


@app.command()
def explain(ctx: typer.Context, a: Contact, b: Contact, as_json: Json = False) -> None:
    """Why two contacts are one, are not, or are asked about: keys, levels, weights, prior, decision."""
    from hub.sync.pairs import explain_pair

    with show.opened_hub(ctx) as hub, hub.store.read() as tx:
        story = explain_pair(tx, a, b, hub.matching(tx))
    if as_json:
        show.put_json(story)
    else:
        print_pair(show.out(), story)


@app.command()
def train(
    ctx: typer.Context,
    use_it: Annotated[bool, typer.Option("--use", help="Use what was learnt at once.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show; keep no version.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Which contacts are drawn.")] = 1,
    as_json: Json = False,
) -> None:
    """Learn the weights from your own contacts, without labels, and from the answers of `hub review`.

    Shows the weights and what they would change, and keeps them as a version. Nothing changes until it is used. Then
    records that arrive or change are matched by it; `hub dedupe rematch` decides anew what was decided before.
    """
    from hub.cli import dedupe_train as shown
    from hub.sync.foresee import foresee
    from hub.sync.learn import learn
    from hub.sync.versions import keep, use

    who = show.person(None)
    with show.opened_hub(ctx) as hub:
        with shown.advancing(quiet=as_json) as begin:
            lesson = learn(hub.store, shipped(hub), seed=seed, advance=begin("learning"))
            outlook = foresee(hub.store, hub.model, lesson.model, seed=seed, advance=begin("what would change"))
        origin = f"{lesson.origin}; asked for by {who}"
        number = None if dry_run else keep(hub.store, lesson.model, hub.clock(), origin, who)
        if number is not None and use_it:
            use(hub.store, number, who)
    used = use_it and number is not None
    if as_json:
        show.put_json(shown.as_json(lesson, hub.model, outlook, number, used))
        return
    out = show.out()
    shown.say_lesson(out, lesson)
    shown.print_weights(out, hub.model, lesson.model)
    shown.print_outlook(out, outlook)
    _say_kept(out, number, used)


def shipped(hub: Hub) -> Model:
    """The shipped weights with what the configuration says of matching: training begins there, not where it ended."""
    from dataclasses import replace

    from hub.dedupe.weigh import DEFAULT

    return replace(DEFAULT, apart=hub.model.apart)


def _say_kept(out: Console, number: int | None, used: bool) -> None:
    if number is None:
        show.say(out, "", "No version was kept, and nothing was changed.")
    elif used:
        show.say(out, "", f"Kept as version {number} and in use from the next run on.")
    else:
        show.say(out, "", f"Kept as version {number}. Nothing was changed. Use it: hub dedupe use {number}")


@app.command()
def models(ctx: typer.Context, as_json: Json = False) -> None:
    """Versions of the model that were learnt, and which one is in use."""
    from hub.cli import dedupe_train as shown
    from hub.store.models import versions

    found = show.look(ctx, versions)
    if as_json:
        show.put_json({"rows": [show.as_data(row) for row in found]})
    else:
        shown.print_models(show.out(), found)


@app.command()
def use(
    ctx: typer.Context,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=0, help="See `hub dedupe models`; 0: as shipped.")],
) -> None:
    """Match by this version of the model from the next run on; 0 goes back to the shipped one.

    Records that arrive or change are matched by it. What was decided stays until a record changes, or until
    `hub dedupe rematch` decides all of it anew.
    """
    from hub.sync.versions import use as take

    with show.opened(ctx) as store:
        before = take(store, version, show.person(None))
    if before == version:
        show.say(show.out(), f"Version {version} is in use already. Nothing was changed.")
    else:
        show.say(
            show.out(),
            f"Version {version} is in use from the next run on. Back: hub dedupe use {before}",
            "What is there stays as it was decided. Decide it anew: hub dedupe rematch",
        )


@app.command()
def rematch(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it, only say what would happen.")] = False,
    as_json: Json = False,
) -> None:
    """Decide every contact anew by the model in use: what is one now is merged, what is two now is taken apart.

    Answers of people stand, and the id stays with the larger part. The systems hear of it at their next sync, within
    their limits. Broken off, it can simply be begun again.
    """
    from hub.cli import dedupe_train as shown
    from hub.sync.rematch import foresee_all
    from hub.sync.rematch import rematch as decide

    who = show.person(None)
    with show.opened_hub(ctx) as hub, shown.advancing(quiet=as_json) as begin:
        if yes:
            found = decide(hub, person=who, advance=begin("deciding"))
        else:
            found = foresee_all(hub, advance=begin("what would change"))
    if as_json:
        show.put_json({"done": yes, **show.as_data(found)})
    else:
        shown.say_rematched(show.out(), found, done=yes)


@app.command()
def evaluate(
    ctx: typer.Context,
    truth: Annotated[
        Path, typer.Option("--truth", metavar="FILE", help="CSV with connection, external_id and person_id.")
    ],
    detail: Annotated[bool, typer.Option("--detail", help="More of the worst mistakes, with their records.")] = False,
    as_json: Json = False,
) -> None:
    """How good the golden records are, against a file that says which records are whose.

    The columns may also be named system and source_id. Records of the hub that are not in the file do not count.
    """
    from dataclasses import replace

    from hub.cli import dedupe_score as shown
    from hub.sync.scoring import evaluate as score
    from hub.sync.scoring import members

    with show.opened(ctx) as store:
        report = score(store, shown.read_truth(truth), worst=MOST_WORST if detail else FEW_WORST)
        if detail:
            report = replace(report, members=members(store, shown.read_truth(truth), report))
    if as_json:
        show.put_json(shown.as_json(report))
    else:
        shown.print_report(show.out(), report)
