"""Answers of people taken into a model: the weights nearest to it that explain what they said.

A logistic regression whose weights start where the model is and are drawn back there: one answer moves little,
answers that agree with each other move what they have in common. That questions are asked only where the model is in
doubt does no harm, since nothing is inferred from how often a level comes up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log
from typing import Final, NamedTuple, TypeAlias

from hub.dedupe.train import Compared, chance, is_learnt
from hub.dedupe.weigh import FIELDS, Model, Table, bits, household

LEEWAY: Final = 1.0  # bits squared: how far answers move a weight before they have to insist
ROUNDS: Final = 200
STILL: Final = 0.001  # bits
NUDGE: Final = 0.01  # bits, to see what a weight changes

Place: TypeAlias = tuple[int, int, int]  # table, field, level
PRIOR: Final[Place] = (-1, -1, -1)


class _Answer(NamedTuple):
    """slopes: weight → bits of the pair for a bit more of it (0 or below where a household discounts it)"""

    same: bool
    bits: float
    slopes: tuple[tuple[Place, float], ...]


def sharpened(model: Model, answers: Sequence[tuple[Compared, bool]]) -> Model:
    """answers: (pair, whether it is one person)"""
    known = [_answer(pair, same, model) for pair, same in answers]
    moved: dict[Place, float] = dict.fromkeys((place for answer in known for place, _ in answer.slopes), 0.0)
    caution = _caution(known, moved)
    for _ in range(ROUNDS):
        pull = {place: -by / LEEWAY for place, by in moved.items()}
        for answer in known:
            now = answer.bits + sum(slope * moved[place] for place, slope in answer.slopes)
            missed = (answer.same - chance(now)) * log(2)
            for place, slope in answer.slopes:
                pull[place] += missed * slope
        steps = {place: pull[place] / caution[place] for place in moved}
        for place, step in steps.items():
            moved[place] += step
        if max(map(abs, steps.values()), default=0.0) < STILL:
            break
    return _with(model, moved)


def _answer(pair: Compared, same: bool, model: Model) -> _Answer:
    table = int(pair.organisations)
    found = list(bits(pair.levels, model, organisations=pair.organisations))
    off = household(found)
    slopes = [(PRIOR, 1.0)]
    for at, level in enumerate(pair.levels.levels()):
        if level and is_learnt(FIELDS[at], model.rows[table][at]):
            more = [*found[:at], found[at] + NUDGE, *found[at + 1 :]]
            slopes.append(((table, at, level), 1.0 + (household(more) - off) / NUDGE))
    return _Answer(same, sum(found) + off + model.prior, tuple(slopes))


def _caution(known: Sequence[_Answer], moved: dict[Place, float]) -> dict[Place, float]:
    """The most the slope of each weight can change a bit: no step of that length overshoots."""
    caution = dict.fromkeys(moved, 1.0 / LEEWAY)
    for answer in known:
        reach = sum(abs(slope) for _, slope in answer.slopes) * log(2) ** 2 / 4
        for place, slope in answer.slopes:
            caution[place] += abs(slope) * reach
    return caution


def _with(model: Model, moved: dict[Place, float]) -> Model:
    def table(number: int) -> Table:
        return {
            name: tuple(
                round(weight + moved.get((number, at, level), 0.0), 3)
                for level, weight in enumerate(model.rows[number][at])
            )
            for at, name in enumerate(FIELDS)
        }

    prior = round(model.prior + moved.get(PRIOR, 0.0), 3)
    return replace(model, persons=table(0), organisations=table(1), prior=prior)
