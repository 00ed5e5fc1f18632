"""The store that latency is measured on, and how it is shown."""

from pathlib import Path

import pytest

from bench.dedupe.fill import Rig, at_once, page_by_page, records
from bench.dedupe.latency import histogram, measure
from bench.dedupe.people import write
from hub.dedupe.features import features
from hub.dedupe.frequency import NameCounts
from hub.dedupe.weigh import DEFAULT, Model
from hub.mapping.spec import flat_mapping
from hub.store.db import Store, loads
from hub.store.upgrade import opened

COUNT = 1500


@pytest.fixture(scope="module")
def contacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    write(COUNT + 100, 3, folder)
    return folder / "contacts.csv"


def people(store: Store) -> dict[frozenset[tuple[str, str]], str]:
    """Source records of each golden record → its fields."""
    with store.read() as tx:
        rows = tx.all("SELECT g.fields, r.connection, r.external_id FROM record r JOIN golden g ON g.id = r.golden_id")
    members: dict[str, set[tuple[str, str]]] = {}
    for fields, connection, external_id in rows:
        members.setdefault(fields, set()).add((connection, external_id))
    return {frozenset(refs): fields for fields, refs in members.items()}


def counted(contacts: Path) -> Model:
    """The model that knows how common each name is here, as the quick way does."""
    mapping, names = flat_mapping("PT"), NameCounts()
    names.add(features(mapping.inward(record).fields) for _, record in records(contacts, 0, COUNT))
    return names.into(DEFAULT)


def test_a_store_filled_at_once_has_the_rows_of_one_filled_by_the_engine(contacts: Path, tmp_path: Path) -> None:
    stores = [opened(f"sqlite:///{tmp_path / name}") for name in ("engine.db", "quick.db")]
    rigs = [Rig.on(store, counted(contacts)) for store in stores]
    page_by_page(rigs[0], contacts, COUNT, size=COUNT)
    at_once(rigs[1], contacts, COUNT)
    texts = (
        "SELECT connection, external_id, state, fingerprint, version, changed, fields, side, features FROM record",
        "SELECT k.key, r.connection, r.external_id FROM record r JOIN"
        " (SELECT * FROM match_key UNION ALL SELECT * FROM recent_key) k ON r.id = k.record_id",
        "SELECT word, records FROM name_count",
    )

    for text in texts:
        engine, quick = ({tuple(row) for row in _all(store, text)} for store in stores)
        assert len(engine & quick) > 0.99 * len(engine | quick), text
    golden, quickly = (set(people(store).items()) for store in stores)
    assert len(golden & quickly) > 0.97 * len(golden | quickly)
    for store in stores:
        store.close()


def _all(store: Store, text: str) -> list[tuple[object, ...]]:
    with store.read() as tx:
        return tx.all(text)


def test_an_arrival_is_timed_until_it_is_saved(contacts: Path, tmp_path: Path) -> None:
    store = opened(f"sqlite:///{tmp_path / 'hub.db'}")
    rig = Rig.on(store)
    at_once(rig, contacts, COUNT)

    times, cpu = measure(rig, contacts, COUNT, 20)

    assert len(times) == 20
    assert all(t > 0 for t in times)
    assert cpu > 0
    assert [loads(str(row[0])) for row in _all(store, "SELECT count(*) FROM record")] == [COUNT + 70]
    store.close()


def test_the_histogram_says_whether_the_aim_is_met() -> None:
    lines = list(histogram([1.5] * 98 + [30.0, 200.0]))

    assert lines[0].split() == ["median", "1.50", "ms", "aim", "5", "ms:", "met"]
    assert lines[2].split()[-1] == "missed"
    assert sum(int(line.split("ms")[1].replace("or more", "").split()[0]) for line in lines[4:]) == 100
