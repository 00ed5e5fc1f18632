"""What kind of history a seed makes: most have of everything a little, some are dense in one narrow situation.

A rule that matters only when several rare things happen to the same contact within a minute is hardly ever needed
in a history that has of everything a little. So nearly half of the seeds make a narrow one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from hub.sync.engine import SLICE

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
    erases  chance that somebody is erased while a call is on its way
    in_part chance that a hold is decided row by row; first syncs then stop at a whole plan, and limits are tight
    twice   chance that somebody is typed into the same system a second time
    late    seconds for which a write that timed out may still be carried out; 0: as the systems declare it
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
    in_part: float = 0.0
    late: float = 0.0
    twice: float = 0.0
    erases: float = 0.0
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

IN_PART = Shape(
    "in part",
    sizes=(2, 2, 3),
    most=7,
    typed=(1, 1, 2),
    in_part=0.85,
    steps=((0.34, "_act"), (0.37, "_delete_someone"), (0.40, "_pin"), (0.58, "_operator")),
    rates={"left_out": 0.04},
)
"""Much is held, and most of it decided row by row: some approved, some refused, some left waiting."""

LATE = Shape(
    "late",
    beside=("E", "K", "M", "X"),
    always=("R", "W"),
    sizes=(2, 3),
    most=6,
    known=2,
    insists=3,
    late=300.0,
    steps=(
        (0.15, "_act"),
        (0.55, "_chase"),
        (0.58, "_delete_someone"),
        (0.60, "_edit_and_delete"),
        (0.68, "_operator"),
    ),
    rates={"late": 0.25, "lost_reply": 0.05, "timeout": 0.03, "html": 0.0, "expired": 0.0, "empty": 0.0},
)
"""Writes that time out and are carried out minutes later, when the contact has been edited on."""

ERASED = Shape(
    "erased",
    sizes=(2, 2, 3),
    most=10,
    typed=(1, 2, 2),
    known=3,
    erases=0.15,
    steps=((0.34, "_act"), (0.36, "_delete_someone"), (0.42, "_erase_someone"), (0.43, "_pin"), (0.54, "_operator")),
)
"""People ask to be erased, also while something of theirs is on its way."""

REMAPPED = Shape(
    "remapped",
    sizes=(2, 2, 3),
    most=6,
    typed=(1, 2, 2),
    known=2,
    steps=(
        (0.38, "_act"),
        (0.41, "_delete_someone"),
        (0.43, "_pin"),
        (0.51, "_operator"),
        (0.57, "_remap"),
    ),
)
"""Mappings are changed while everything goes on: a field is taken out of one, and put back later."""

RESTORED = Shape(
    "restored",
    beside=("E", "K", "L", "M", "R", "W", "X"),
    sizes=(2, 3),
    most=9,
    typed=(1, 1, 2),
    known=3,
    steps=(
        (0.34, "_act"),
        (0.36, "_delete_someone"),
        (0.38, "_erase_someone"),
        (0.39, "_pin"),
        (0.44, "_back_up"),
        (0.49, "_put_back"),
        (0.58, "_operator"),
    ),
)
"""Systems go back to the state of their last backup."""

MERGED = Shape(
    "merged",
    beside=("E", "K", "L", "M", "R", "W", "X"),
    sizes=(2, 2, 3),
    most=7,
    typed=(1, 1, 2),
    twice=0.6,
    known=3,
    steps=((0.34, "_act"), (0.36, "_delete_someone"), (0.37, "_pin"), (0.47, "_make_one"), (0.57, "_operator")),
)
"""Systems make one record of two: of one person's, or of two people's."""

SHAPES = {shape.name: shape for shape in (ORDINARY, IN_PART, AT_ONCE, DOUBT, GONE, LATE, ERASED, REMAPPED, MERGED)}


BESIDE = {RESTORED.name: RESTORED}
"""Played only when asked for: the engine does not hold in these yet. What is known of it: docs/simulation.md."""


def slice_of(seed: int) -> int:
    """In three of ten, deliveries of a form come in all the time, and every page of records is taken in one by one."""
    return 1 if Random(f"parts of {seed}").random() < 0.3 else SLICE


def shape_of(seed: int) -> Shape:
    """Drawn apart from the history itself, so that the ordinary ones do not hang on what others there are."""
    if Random(f"erasures of {seed}").random() < 0.06:
        return ERASED
    if Random(f"mappings of {seed}").random() < 0.05:
        return REMAPPED
    if Random(f"merges of {seed}").random() < 0.05:
        return MERGED
    shapes, parts = (LATE, ORDINARY, IN_PART, AT_ONCE, DOUBT, GONE), (5, 62, 8, 5, 12, 8)
    return Random(f"shape of {seed}").choices(shapes, parts)[0]
