"""Matching on a local Spark: the clusters of the embedded way."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from bench.dedupe import spark as on_spark
from bench.dedupe.people import write
from bench.matching import canonical, rows
from hub.dedupe.bulk import KEY_CAP, Bulk
from hub.dedupe.cluster import Ref, Verdict
from hub.dedupe.features import features
from hub.dedupe.keys import blocking_keys

COUNT = 600

pytestmark = [
    pytest.mark.timeout(
        900
    ),  # Spark plans and compiles for half a minute before it moves a row, more on a busy machine
    pytest.mark.skipif(
        not on_spark.is_installed(), reason="Spark is not here: needs Java and pip install 'contact-hub[spark]'"
    ),
    # Spark's Python side leaves sockets to the collector and uses what newer Pythons deprecate
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def contacts(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    folder = tmp_path_factory.mktemp("people")
    write(COUNT, 11, folder)
    return list(rows(folder / "contacts.csv"))


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    session = on_spark.session(partitions=2)
    yield session
    session.stop()


def by_cluster(pairs: Iterator[tuple[Ref, Any]]) -> set[frozenset[Ref]]:
    found: dict[Any, set[Ref]] = {}
    for ref, cluster in pairs:
        found.setdefault(cluster, set()).add(ref)
    return set(map(frozenset, found.values()))


def embedded(contacts: list[dict[str, str]]) -> set[frozenset[Ref]]:
    bulk = Bulk()
    refs = []
    for number, row in enumerate(contacts):
        refs.append((row["system"], row["source_id"]))
        record = features(canonical(row))
        bulk.add(number, None, record, blocking_keys(record), refs[-1])
    decision = bulk.decide()
    return by_cluster(zip(refs, decision.clusters.tolist(), strict=True))


def distributed(spark: Any, contacts: list[dict[str, str]], verdicts: Any = None) -> set[frozenset[Ref]]:
    found = on_spark.clusters(spark, spark.sparkContext.parallelize(contacts, 2), verdicts=verdicts).collect()
    assert len(found) == len(contacts)
    return by_cluster(((c[0], c[1]), c[2]) for c in found)


def test_spark_finds_the_clusters_of_the_embedded_way(spark: Any, contacts: list[dict[str, str]]) -> None:
    mine, theirs = embedded(contacts), distributed(spark, contacts)

    assert theirs == mine
    assert max(map(len, theirs)) > 3


def test_what_a_person_said_holds_on_spark_too(spark: Any, contacts: list[dict[str, str]]) -> None:
    some = contacts[:200]
    together = next(cluster for cluster in embedded(some) if len(cluster) > 1)
    apart = frozenset(sorted(together)[:2])
    one, other = (next(iter(c)) for c in sorted(embedded(some), key=sorted)[:2])
    same = frozenset((one, other))

    found = distributed(spark, some, {apart: Verdict.DIFFERENT, same: Verdict.SAME})

    assert not any(apart <= cluster for cluster in found)
    assert any(same <= cluster for cluster in found)


def test_components_are_found_along_a_chain(spark: Any) -> None:
    way = sorted(range(1, 65), key=lambda n: n * 37 % 65)  # numbers that do not rise along the chain
    chain = spark.createDataFrame([*pairwise(way), (1001, 1002)], "first long, second long")

    labels = {row.number: row.label for row in on_spark.connected(chain).collect()}

    assert {n for n, label in labels.items() if label == 1} == set(range(1, 65))
    assert labels[1002] == 1001


def test_a_key_that_too_many_share_brings_nobody_together(spark: Any) -> None:
    crowd = [(n, "c", str(n), "", [7]) for n in range(KEY_CAP + 1)] + [
        (100, "c", "100", "", [8]),
        (101, "c", "101", "", [8]),
    ]
    records = spark.createDataFrame(
        crowd, "number long, connection string, external_id string, packed string, keys array<long>"
    )

    assert [tuple(row) for row in on_spark.met(spark, records).collect()] == [(100, 101)]


def test_a_key_that_comes_twice_is_refused(spark: Any, contacts: list[dict[str, str]]) -> None:
    twice = spark.sparkContext.parallelize([*contacts[:5], contacts[0]], 2)

    with pytest.raises(ValueError, match="1 records have a number that another one has"):
        on_spark.clusters(spark, twice)
