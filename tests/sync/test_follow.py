"""The search index follows the store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import monotonic, sleep

import pytest

from hub.errors import TransientError
from hub.store.db import Store
from hub.store.search import SearchIndex
from hub.sync import people
from hub.sync.follow import Lag, follower, lag, step
from hub.sync.search import After, search
from hub.sync.words import expressions
from tests.fakes.rig import ADA, RUI, Rig, person
from tests.store.conftest import connect, empty, postgres_server, store, url  # noqa: F401  fixtures


@pytest.fixture
def rig(store: Store) -> Rig:  # noqa: F811
    made = Rig(store=store)
    made.add("crm")
    return made


@pytest.fixture
def index(tmp_path) -> Iterator[SearchIndex]:
    made = SearchIndex(tmp_path / "search.db")
    yield made
    made.close()


def follow(rig: Rig, index: SearchIndex) -> None:
    while step(rig.store, index):
        pass


def found(index: SearchIndex, typed: str) -> list[str]:
    return sorted(golden_id for text in expressions(typed) for _, golden_id in index.search(text.text, 50))


def test_what_is_there_is_found_and_what_comes_after_too(rig, index):
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    follow(rig, index)
    before = found(index, "ada")
    rig.systems["crm"].put("2", **RUI)
    rig.sync("crm")
    follow(rig, index)

    assert len(before) == 1
    assert len(found(index, "castanheira")) == 1
    assert lag(rig.store, index) == Lag(0, filling=False)


def test_a_changed_value_is_found_by_its_new_word_only(rig, index):
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    follow(rig, index)
    rig.systems["crm"].put("1", **ADA | {"last": "Zimmermann"})
    rig.sync("crm")
    assert found(index, "zimmermann") == []
    follow(rig, index)

    assert len(found(index, "zimmermann")) == 1
    assert found(index, "abreu") == []


def test_who_was_merged_away_is_found_in_the_one_that_answers(rig, index):
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **RUI)
    rig.sync("crm")
    follow(rig, index)
    kept = people.merge(rig.hub, [*found(index, "ada"), *found(index, "rui")], "Olga")
    follow(rig, index)

    assert found(index, "ada") == found(index, "rui") == [kept]
    assert index.size() == 1


def test_a_lost_file_is_made_again(rig, index, tmp_path):
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    follow(rig, index)
    with SearchIndexOf(tmp_path / "other.db") as other:
        follow(rig, other)

        assert found(other, "ada") == found(index, "ada") != []


def test_a_file_that_is_no_index_is_made_anew(rig, tmp_path):
    (tmp_path / "broken.db").write_bytes(b"this is no database, and never was" * 200)
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    with SearchIndexOf(tmp_path / "broken.db") as index:
        follow(rig, index)

        assert len(found(index, "ada")) == 1


def test_an_index_of_another_store_is_made_anew(rig, index):
    other = Rig()
    other.add("crm")
    other.systems["crm"].put("1", **RUI)
    other.now += 5
    other.sync("crm")
    follow(other, index)
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    follow(rig, index)

    assert found(index, "rui") == []
    assert len(found(index, "ada")) == 1


def test_what_changes_while_the_index_is_filled_is_not_missed(rig, index):
    for number in range(30):
        rig.systems["crm"].put(str(number), **person(number))
    rig.sync("crm")
    step(rig.store, index)
    rig.systems["crm"].put("3", **person(3) | {"first": "Wanda"})
    rig.sync("crm")
    assert lag(rig.store, index).filling
    follow(rig, index)

    assert len(found(index, "wanda")) == 1
    assert index.size() == 30


def test_two_followers_of_one_file_do_not_take_anything_twice(rig, index):
    for number in range(30):
        rig.systems["crm"].put(str(number), **person(number))
    rig.sync("crm")
    threads = [threading.Thread(target=follow, args=(rig, index)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    follow(rig, index)

    assert index.size() == 30
    assert len(found(index, "example.org")) == 30


def test_the_thread_follows_until_it_is_stopped(rig, index):
    stopping = threading.Event()
    following = follower(rig.store, index, stopping)
    following.start()
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    until = monotonic() + 20
    while not found(index, "ada") and monotonic() < until:
        sleep(0.02)
    stopping.set()

    assert following.wait(10)
    assert len(found(index, "ada")) == 1


def test_a_search_goes_on_where_its_page_ended_and_misses_nobody(rig, index):
    for number in range(30):
        rig.systems["crm"].put(str(number), **person(number))
    rig.sync("crm")
    follow(rig, index)
    pages, after = [], After()
    while after is not None:
        hits = search(rig.store, index, "example.org", 7, after)
        pages.append([row.id for row in hits.rows])
        after = hits.after

    assert [len(page) for page in pages] == [7, 7, 7, 7, 2]
    assert len({golden_id for page in pages for golden_id in page}) == 30


def test_an_id_from_before_a_merge_finds_the_one_that_answers(rig, index):
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **RUI)
    rig.sync("crm")
    follow(rig, index)
    both = [*found(index, "ada"), *found(index, "rui")]
    kept = people.merge(rig.hub, both, "Olga")

    for golden_id in both:
        assert [row.id for row in search(rig.store, index, golden_id, 10).rows] == [kept]


class SearchIndexOf:
    """An index that is closed again."""

    def __init__(self, path) -> None:
        self.index = SearchIndex(path)

    def __enter__(self) -> SearchIndex:
        return self.index

    def __exit__(self, *_: object) -> None:
        self.index.close()


def test_an_index_that_is_kept_for_a_while_is_read_by_many_threads_and_gone_afterwards():
    index = SearchIndex(None)
    wrong: list[Exception] = []

    def read() -> None:
        try:
            for _ in range(50):
                index.place()
        except TransientError as err:
            wrong.append(err)

    for _ in range(20):
        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    index.close()

    assert wrong == []
    assert not index.path.parent.exists()
