"""Joining the records of many components at once, by the rules of `hub.dedupe.parts`.

Components of one size are laid side by side. In each round every component joins its two strongest parts, as its own
heap would, so that the order of joins is the same.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hub.dedupe.bulk.columns import Codes, Floats
from hub.dedupe.parts import EXACT, MOST_COMPARED
from hub.dedupe.weigh import (
    CONTACT,
    FIELDS,
    KIN,
    MIXED,
    MIXED_ELSEWHERE,
    NEAR,
    OTHER_FAMILY,
    OTHER_GIVEN,
    OTHER_PERSON,
    REACHED,
    SPREAD,
    SPREAD_ELSEWHERE,
    WITHOUT,
    Model,
)

Flags: TypeAlias = NDArray[np.bool_]
Counts: TypeAlias = NDArray[np.int16]
_GIVEN, _FAMILY, _COMPANY = FIELDS.index("given"), FIELDS.index("family"), FIELDS.index("company")
_EMAIL, _PHONE, _ADDRESS = FIELDS.index("email"), FIELDS.index("phone"), FIELDS.index("address")
_PERSON: Final = [FIELDS.index(name) for name in ("birth", "tax", "generation")]
_GENERATION: Final = FIELDS.index("generation")
_CONTACT: Final = list(CONTACT)
_MEAN: Final = [at for at in range(len(FIELDS)) if at not in CONTACT]
_REACHED: Final = list(REACHED)
_WITHOUT: Final = _MEAN.index(_GENERATION)
_NO_WEIGHT: Final = -np.inf


class Joined(NamedTuple):
    """What became of components of one size, all arrays with a row a component.

    part      for each record the place of the first of its part
    weights   between parts that are left, at the places of their first records, less what others claim
    near      which parts may be one
    """

    part: NDArray[np.int64]
    weights: Floats
    near: Flags


def join(rows: Codes, bits: Floats, near: Flags, barred: Flags, model: Model) -> Joined:
    """Join what speaks for one person, the strongest first.

    rows    [component, record, record]: row of the pair in `bits`; both halves, the diagonal is not looked at
    bits    evidence of each field
    near    pairs that met and are promising
    barred  pairs that must never come together
    Records of a component stand in the order of their refs.
    """
    table = _Parts(rows, bits, near, barred, model)
    active = np.arange(len(rows))
    while len(active):
        active = table.join_strongest(active)
    return Joined(table.part, table.surely(), table.near)


class _Parts:
    """The state of `join`: what speaks for any two parts, at the places of their first records."""

    def __init__(self, rows: Codes, bits: Floats, near: Flags, barred: Flags, model: Model) -> None:
        components, size = rows.shape[:2]
        self.model = model
        self.rows = rows
        self.bits = bits
        self.best, self.total, self.count = self._evidence(np.arange(components))
        self.near = near & ~np.eye(size, dtype=bool)
        self.barred = barred.copy()
        self.sizes = np.ones((components, size), np.int16)
        self.part = np.tile(np.arange(size), (components, 1))
        self.held = np.zeros((components, size, size), bool)
        self.weights = weigh(self.best, self.total, self.count, model.prior)
        self.weights[self.barred] = _NO_WEIGHT

    def _evidence(self, at: NDArray[np.int64]) -> tuple[Floats, Floats, Counts]:
        """What pairs of records say: contact values, the rest, and what is counted: whether they say
        anything of the rest, of `REACHED`, and whether they differ there."""
        found = self.bits.T[:, self.rows[at]]
        contact, total, reached = found[_CONTACT], found[_MEAN], found[_REACHED]
        count = np.concatenate([total != 0, reached != 0, reached < 0], dtype=np.int16)
        return np.where(contact != 0, contact, _NO_WEIGHT), total, count

    def join_strongest(self, active: NDArray[np.int64]) -> NDArray[np.int64]:
        """One join in each of these components, or one held back; returns those where there was either."""
        size = self.part.shape[1]
        open_edges = self.near[active] & ~self.held[active] & (self.weights[active] >= self.model.join)
        edges = np.where(open_edges, self.weights[active], _NO_WEIGHT).reshape(len(active), -1)
        strongest = edges.argmax(axis=1)
        some = edges[np.arange(len(active)), strongest] > _NO_WEIGHT
        active = active[some]
        one, other = np.divmod(strongest[some], size)
        claimed = self._is_claimed(active, one, other)
        for p, q in ((one, other), (other, one)):
            self.held[active[claimed], p[claimed], q[claimed]] = True
        free = active[~claimed]
        if len(free):
            self._join(free, one[~claimed], other[~claimed])
            self.held[free] = False  # what others claim is another matter now
        return active

    def _is_claimed(self, at: NDArray[np.int64], one: NDArray[np.int64], other: NDArray[np.int64]) -> Flags:
        """Where other parts may be one with either, as `hub.dedupe.parts` takes off for it."""
        odds = np.maximum(self._rivals(at, one, other), self._rivals(at, other, one))
        claimed: Flags = np.round(self.weights[at, one, other] - np.log2(1.0 + odds), EXACT) < self.model.join
        return claimed

    def _rivals(self, at: NDArray[np.int64], one: NDArray[np.int64], other: NDArray[np.int64]) -> Floats:
        claims, between = self.weights[at, one], self.weights[at, other]
        rival = self.near[at, one] & (claims > self.model.ask)
        rival[np.arange(len(at)), other] = False
        odds = np.exp2(np.where(rival, claims, 0.0)) / (1.0 + np.exp2(np.minimum(between, 60.0)))
        total: Floats = np.where(rival, odds, 0.0).sum(axis=1)
        return total

    def surely(self) -> Floats:
        """The weights less what other parts claim, wherever a question may come of it."""
        some = np.flatnonzero((self.near & (self.weights >= self.model.ask)).any(axis=(1, 2)))
        weights, size = self.weights[some], self.weights.shape[1]
        claims = np.exp2(np.where(self.near[some] & (weights > self.model.ask), weights, _NO_WEIGHT))
        between = 1.0 / (1.0 + np.exp2(np.minimum(weights, 60.0)))
        between[:, np.arange(size), np.arange(size)] = 0.0
        taken = np.log2(1.0 + claims @ between)
        found = self.weights.copy()
        found[some] = np.round(weights - np.maximum(taken, taken.transpose(0, 2, 1)), EXACT)
        return found

    def _join(self, at: NDArray[np.int64], one: NDArray[np.int64], other: NDArray[np.int64]) -> None:
        """The parts at place `other` become one with those before them at place `one`."""
        self.best[:, at, one] = np.maximum(self.best[:, at, one], self.best[:, at, other])
        self.total[:, at, one] += self.total[:, at, other]
        self.count[:, at, one] += self.count[:, at, other]
        self.near[at, one] |= self.near[at, other]
        self.near[at, one, one] = self.near[at, one, other] = False
        self.near[at, other] = False
        self.near[at, :, other] = False
        self.barred[at, one] |= self.barred[at, other]
        for table in (self.best, self.total, self.count):
            table[:, at, :, one] = np.moveaxis(table[:, at, one], 0, 1)
        for flags in (self.near, self.barred):
            flags[at, :, one] = flags[at, one]
        self.sizes[at, one] += self.sizes[at, other]
        self.part[at] = np.where(self.part[at] == other[:, None], one[:, None], self.part[at])
        outgrown = self.sizes[at, one] > MOST_COMPARED
        self._compare_first(at[outgrown], one[outgrown])
        fresh = weigh(self.best[:, at, one], self.total[:, at, one], self.count[:, at, one], self.model.prior)
        fresh[self.barred[at, one]] = _NO_WEIGHT
        self.weights[at, one] = fresh
        self.weights[at, :, one] = fresh

    def _compare_first(self, at: NDArray[np.int64], one: NDArray[np.int64]) -> None:
        """The parts at place `one` are larger than what is compared of a part: its first records count."""
        if not len(at):
            return
        part = self.part[at]
        is_first = _place_within(part) < MOST_COMPARED
        best, total, count = self._evidence(at)
        ours = (part == one[:, None]) & is_first
        best = np.where(ours[:, :, None], best, _NO_WEIGHT).max(axis=2)
        total, count = (np.where(ours[:, :, None], of, 0).sum(axis=2) for of in (total, count))
        which = np.arange(len(at))
        best_of, total_of, count_of = np.full_like(best, _NO_WEIGHT), np.zeros_like(total), np.zeros_like(count)
        for place in range(part.shape[1]):
            some = is_first[:, place]
            c, q = which[some], part[some, place]
            best_of[:, c, q] = np.maximum(best_of[:, c, q], best[:, some, place])
            total_of[:, c, q] += total[:, some, place]
            count_of[:, c, q] += count[:, some, place]
        self.best[:, at, one], self.total[:, at, one], self.count[:, at, one] = best_of, total_of, count_of
        for table in (self.best, self.total, self.count):
            table[:, at, :, one] = np.moveaxis(table[:, at, one], 0, 1)


def _place_within(part: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each record its place among those of its part."""
    same = part[:, :, None] == part[:, None, :]
    return np.asarray(np.tril(same, -1).sum(axis=2))


def weigh(best: Floats, total: Floats, count: Counts, prior: float) -> Floats:
    """Bits that speak for two parts being one: contact values by the best pair, the rest by the mean."""
    found = np.zeros((len(FIELDS), *best.shape[1:]))
    found[_CONTACT] = np.where(best > _NO_WEIGHT, best, 0.0)
    of_mean, said, differ = np.split(count, (len(_MEAN), len(_MEAN) + len(_REACHED)))
    found[_MEAN] = total / np.maximum(of_mean, 1)
    weights = np.zeros(best.shape[1:])
    for row in found:
        weights += row
    return np.round(weights + (households(found) + strains(found, differ, said, of_mean[_WITHOUT])) + prior, EXACT)


def strains(found: Floats, differ: Counts, said: Counts, without: Counts) -> Floats:
    """`hub.dedupe.weigh.strain` of many rows at once."""
    taken = np.zeros(found.shape[1:])
    for at, number in enumerate(_REACHED):
        is_elsewhere = found[_REACHED[1 - at]] < 0
        spread = np.where(is_elsewhere, SPREAD_ELSEWHERE, SPREAD[at]) * np.log2(np.maximum(differ[at], 1))
        mixed = np.where(is_elsewhere, MIXED_ELSEWHERE, MIXED) * differ[at] / np.maximum(said[at], 1)
        taken -= np.where(differ[at] > 0, np.where(found[number] < 0, spread, mixed), 0.0)
    taken -= np.where(found[_GENERATION] < 0, WITHOUT * np.log2(np.maximum(without, 1)), 0.0)
    return np.where(found[_GIVEN] > 0, taken, 0.0)


def households(found: Floats) -> Floats:
    """`hub.dedupe.weigh.household` of many rows at once; the fields are the first axis."""
    contact = np.maximum(found[_CONTACT], 0.0)
    shared = np.zeros(found.shape[1:])
    for row in contact:
        shared += row
    other_person = contact.max(axis=0) - shared - np.maximum(found[_FAMILY], 0.0)
    email, phone = found[_EMAIL], found[_PHONE]
    elsewhere = ((email < 0) & (phone <= 0)) | ((phone < 0) & (email <= 0))
    share = np.where((email < 0) & (phone < 0), 1.0, NEAR)
    kin = np.maximum(found[_GIVEN] + found[_FAMILY] - KIN, 0.0)
    discount = np.where(elsewhere, -np.maximum(found[_ADDRESS], 0.0) * share - kin, 0.0)
    discount = discount - np.where(found[_FAMILY] <= OTHER_FAMILY, np.maximum(found[_COMPANY], 0.0), 0.0)
    is_other = (found[_GIVEN] <= OTHER_GIVEN) | (found[_PERSON].min(axis=0) <= OTHER_PERSON)
    return np.where(is_other, other_person, discount)
