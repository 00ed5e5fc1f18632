"""Components decided one by one, by the heap of `hub.dedupe.parts`: what cannot lie side by side with others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from hub.dedupe.bulk.columns import assembled
from hub.dedupe.cluster import Member, Ref, Resolution, Verdict, resolve
from hub.dedupe.sharing import People
from hub.dedupe.weigh import Bits, Model

Verdicts = Mapping[frozenset[Ref], Verdict]
T = TypeVar("T")
R = TypeVar("R")


class Spread(Protocol):
    """What carries out tasks, and gives their results in the same order: here, or in a pool of processes."""

    def __call__(self, work: Callable[[T], R], tasks: Iterable[T], /) -> Iterable[R]: ...


def in_turn(work: Callable[[T], R], tasks: Iterable[T], /) -> Iterable[R]:
    """One task after the other, here."""
    return map(work, tasks)


class Component(NamedTuple):
    """Records that may be one: all that links lead to, and the golden records they have whole.

    pairs   those that met and are promising
    people  how many people hold a value that is not one's alone
    """

    numbers: list[int]
    members: list[Member]
    pairs: list[tuple[Ref, Ref]]
    people: People


class Packed(NamedTuple):
    """A component whose records are as they are kept: packed values by column.

    weighed  what speaks for some of the pairs, by field
    people   how many people hold a value that is not one's alone
    """

    numbers: list[int]
    refs: list[Ref]
    goldens: list[str | None]
    values: list[list[tuple[int, bytes]]]
    pairs: list[tuple[Ref, Ref]]
    weighed: list[tuple[tuple[Ref, Ref], Bits]]
    people: People

    def outline(self) -> Packed:
        """Whose component it is, without what is known of them."""
        return Packed(self.numbers, self.refs, self.goldens, [], [], [], {})

    def unpacked(self) -> Component:
        records = zip(self.refs, self.goldens, self.values, strict=True)
        members = [Member(ref, golden, assembled(v)) for ref, golden, v in records]
        return Component(self.numbers, members, self.pairs, self.people)


class Bundle(NamedTuple):
    """Some components, and what concerns them."""

    components: Sequence[Packed]
    verdicts: Verdicts
    ages: Mapping[str, Any]
    model: Model


def bundle(components: Sequence[Packed], verdicts: Verdicts, ages: Mapping[str, Any], model: Model) -> Bundle:
    """With no more verdicts and ages than the components need."""
    refs = {ref for component in components for ref in component.refs} if verdicts else set()
    goldens = {golden for component in components for golden in component.goldens if golden}
    return Bundle(
        components,
        {pair: verdict for pair, verdict in verdicts.items() if pair <= refs},
        {golden: ages[golden] for golden in goldens if golden in ages},
        model,
    )


def resolve_each(task: Bundle) -> list[Resolution]:
    """What becomes of each component."""
    found = []
    for packed in task.components:
        members = packed.unpacked().members
        new = [member for member in members if member.golden_id is None]
        known = [member for member in members if member.golden_id is not None]
        said = task.verdicts, task.model, task.ages
        found.append(resolve(new, known, packed.pairs, *said, weighed=packed.weighed, people=packed.people))
    return found
