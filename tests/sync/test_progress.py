"""How far a run is, for all who look; and a run that somebody asks to stop."""

from __future__ import annotations

from dataclasses import replace

from hub.store.runs import ask_to_stop, one_run
from hub.sync.progress import Recorder, followed
from hub.sync.run import Orders, sync
from tests.simulation.systems import SimConnector
from tests.sync.two_systems import TwoSystems


class Slow(SimConnector):
    """A system each of whose pages takes some seconds; then: called after each."""

    seconds = 2.0

    def pull(self, since):
        for page in super().pull(since):
            self.world.now += self.seconds
            yield page
            self.then()


def run(two: TwoSystems, then, **orders):
    connector = Slow(two.systems["c"], two.world, lambda *_: None)
    connector.world, connector.then = two.world, then
    told = followed(two.store, lambda: two.world.now, Orders(approve=True, manual=True, **orders))
    return sync(two.hub, connector, "c", told)


def filled(n: int = 40) -> TwoSystems:
    two = TwoSystems()
    for i in range(n):
        two.type_in("c", "Ana", f"Silva{i}", f"ana{i}@example.org")
    return two


def current(two: TwoSystems):
    with two.store.read() as tx:
        [row] = tx.all("SELECT id FROM run ORDER BY started_at DESC, id DESC LIMIT 1")
        return one_run(tx, row[0])


def test_who_looks_sees_how_far_it_is():
    two, seen = filled(), []
    run(two, lambda: seen.append(current(two).progress))

    steps = [each for each in seen if each is not None]
    assert [each.phase for each in steps] == ["reading"] * len(steps)
    assert [each.done for each in steps] == sorted({each.done for each in steps})
    assert steps[-1].done > 0
    assert steps[-1].rate > 0
    assert current(two).progress is None  # it has ended


def test_the_total_is_known_where_all_is_listed_again():
    two, seen = filled(), []
    run(two, lambda: None)
    run(two, lambda: seen.append(current(two).progress), full=True)

    assert {each.total for each in seen if each} == {40}


def test_a_run_that_is_asked_to_stop_ends_after_its_page_and_the_next_goes_on():
    two = filled()

    def stop():
        run_id = current(two).id
        with two.store.write() as tx:
            ask_to_stop(tx, run_id, "ann")

    stopped = run(two, stop)
    assert stopped.status == "interrupted"
    assert 0 < stopped.counts["pulled"] < 40
    assert run(two, lambda: None).status == "done"
    with two.store.read() as tx:
        assert tx.one("SELECT count(*) FROM record WHERE connection = 'c'") == (40,)


def test_a_run_that_is_over_at_once_writes_nothing_down():
    two, written = filled(3), []
    recorder = Recorder(two.store, lambda: 5.0)
    recorder._write = lambda *_: written.append(1)  # type: ignore[method-assign]
    connector = SimConnector(two.systems["c"], two.world, lambda *_: None)
    sync(two.hub, connector, "c", replace(Orders(approve=True, manual=True), progress=recorder.follow))

    assert written == []
