"""What kind of history a seed makes: most have of everything a little, some are dense in one narrow situation.

A rule that matters only when several rare things happen to the same contact within a minute is hardly ever needed
in a history that has of everything a little. So every fourth seed makes a narrow one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

Steps = tuple[tuple[float, str], ...]
"""(up to which part of one, method of `History`), rising; what is left over is a run of some system."""


@dataclass(frozen=True)
class Shape:
    """A kind of history.

    always  of these systems one takes part in any case; those of `beside` are drawn for the other places
    sizes   how many systems there are, to be drawn from
    most    people
    typed   into how many systems somebody is typed, to be drawn from
    known   how many people every system knows of before anything else happens
    at_once whether the hub then begins with a first load of all systems
    spread  chance that a deletion in a system means everywhere
    insists how often an edit is tried, until it can be seen
    pause   seconds between two steps at most
    rates   fault kind → chance, in place of the one that the seed has drawn
    """

    name: str
    beside: tuple[str, ...] = ("E", "K", "L", "R", "W")
    always: tuple[str, ...] = ()
    sizes: tuple[int, ...] = (2, 2, 2, 3)
    most: int = 8
    typed: tuple[int, ...] = (1, 1, 1, 2)
    known: int = 0
    at_once: bool = False
    spread: float = 0.5
    insists: int = 1
    pause: float = 20.0
    steps: Steps = (
        (0.30, "_act"),
        (0.33, "_delete_someone"),
        (0.34, "_edit_and_delete"),
        (0.36, "_pin"),
        (0.46, "_operator"),
    )
    rates: dict[str, float] = field(default_factory=dict)

    def systems(self, rng: Random) -> list[str]:
        size = rng.choice(self.sizes)
        first = [rng.choice(self.always)] if self.always else []
        return sorted([*first, *rng.sample(sorted(self.beside), size - len(first))])


ORDINARY = Shape("ordinary")

AT_ONCE = Shape(
    "at once",
    known=6,
    typed=(1, 2, 2),
    at_once=True,
    steps=((0.28, "_act"), (0.31, "_delete_someone"), (0.33, "_pin"), (0.37, "_rematch"), (0.46, "_operator")),
)
"""A hub that begins with a first load, and whose contacts are decided anew now and then."""

DOUBT = Shape(
    "doubt",
    always=("M", "X"),
    sizes=(2,),
    most=6,
    known=1,
    insists=3,
    pause=4.0,
    steps=((0.15, "_act"), (0.60, "_chase"), (0.62, "_delete_someone"), (0.70, "_operator")),
    rates={
        "lost_reply": 0.35,
        "unsent": 0.35,
        "timeout": 0.05,
        "refused": 0.03,
        "crash_call": 0.03,
        "interleave": 0.2,
        "html": 0.0,
        "expired": 0.0,
        "empty": 0.0,
    },
)
"""Writes of unknown outcome to contacts that people go on editing, in a system that tells nothing of its own accord."""

GONE = Shape(
    "gone",
    beside=("E", "K", "R", "W"),
    always=("L",),
    sizes=(2, 3),
    most=10,
    typed=(1, 2, 2),
    known=5,
    spread=0.8,
    insists=5,
    steps=(
        (0.25, "_act"),
        (0.29, "_delete_someone"),
        (0.40, "_edit_and_delete"),
        (0.48, "_operator"),
        (0.65, "_glance"),
    ),
    rates={"left_out": 0.12, "empty": 0.08, "html": 0.02},
)
"""Records that are deleted, or seem to be: beside a system that can only be listed."""

SHAPES = {shape.name: shape for shape in (ORDINARY, AT_ONCE, DOUBT, GONE)}


def shape_of(seed: int) -> Shape:
    """Drawn apart from the history itself, so that the ordinary ones do not hang on what others there are."""
    return Random(f"shape of {seed}").choices((ORDINARY, AT_ONCE, DOUBT, GONE), (75, 5, 12, 8))[0]
