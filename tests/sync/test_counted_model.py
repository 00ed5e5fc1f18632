"""The model with the user's own names: counted anew as records come in, and never held twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from weakref import ReferenceType, ref

import pytest

from hub.dedupe.frequency import NameCounts
from hub.dedupe.weigh import DEFAULT, Model
from hub.store.db import Tx
from hub.store.names import add_names
from hub.sync.engine import CountedModel
from tests.fakes.stores import in_memory


@pytest.fixture
def tx() -> Iterator[Tx]:
    store = in_memory()
    with store.write() as tx:
        yield tx
    store.close()


def come_in(tx: Tx, records: int) -> None:
    add_names(tx, NameCounts(records, Counter({"silva": records})))


def test_without_records_the_model_is_as_it_was_shipped(tx: Tx) -> None:
    assert CountedModel().of(tx, DEFAULT) is DEFAULT


@pytest.mark.parametrize(("more", "is_anew"), [(0, False), (100, False), (101, True)])
def test_names_are_counted_anew_when_there_are_more_than_an_eighth_more_records(
    tx: Tx, more: int, is_anew: bool
) -> None:
    counted = CountedModel()
    come_in(tx, 800)
    before = counted.of(tx, DEFAULT)
    come_in(tx, more)
    after = counted.of(tx, DEFAULT)
    assert (after is not before) == is_anew
    assert after.records == (800 + more if is_anew else 800)
    assert after.frequency == {"silva": 1.0}


def test_another_base_is_counted_at_once(tx: Tx) -> None:
    counted = CountedModel()
    come_in(tx, 800)
    counted.of(tx, DEFAULT)
    assert counted.of(tx, Model(ask=-5.0)).ask == -5.0


class Watched:
    """A transaction that notes, whenever names are read, whether a model is still there."""

    def __init__(self, tx: Tx, model: ReferenceType[Model]) -> None:
        self._tx, self._model = tx, model
        self.seen: list[bool] = []

    def stream(self, text: str, **params: Any) -> Iterator[Any]:
        self.seen.append(self._model() is not None)
        return self._tx.stream(text, **params)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)


def test_the_model_before_is_gone_when_names_are_counted_anew(tx: Tx) -> None:
    counted = CountedModel()
    come_in(tx, 800)
    watched: Any = Watched(tx, ref(counted.of(tx, DEFAULT)))
    come_in(tx, 800)
    assert counted.of(watched, DEFAULT).records == 1600
    assert watched.seen == [False]
