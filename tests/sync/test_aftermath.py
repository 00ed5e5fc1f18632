"""What came of a conflict: where the value that stands was written, or still will be."""

from __future__ import annotations

from contextlib import closing

from hub.store import lists
from hub.sync.aftermath import aftermath
from hub.sync.people import overturn
from tests.sync.test_propose import fought
from tests.sync.two_systems import TwoSystems


def reached(two: TwoSystems) -> tuple[object, dict[str, str]]:
    with two.store.read() as tx:
        found = aftermath(tx, lists.conflicts(tx, state=None).rows[0])
    return found.today, {each.connection: each.state for each in found.reached}


def test_the_winner_is_written_where_it_was_not_and_held_where_it_was_said():
    with closing(fought("latest", [("Anita", "Nini", "s")])) as two:
        today, states = reached(two)

        assert today == "Nini"
        assert states == {"c": "written", "s": "holds"}


def test_what_an_overturned_conflict_still_has_to_write_waits():
    with closing(fought("latest", [("Anita", "Nini", "s")])) as two:
        overturn(two.hub, two.numbers("conflict")[0], "eve")
        assert reached(two) == ("Anita", {"c": "waits", "s": "waits"})

        two.settle()
        assert reached(two)[1] == {"c": "written", "s": "written"}


def test_a_value_that_somebody_has_changed_there_since_is_another_one():
    with closing(fought("latest", [("Anita", "Nini", "s")])) as two:
        with two.store.write() as tx:
            tx.run("UPDATE golden SET fields = replace(fields, 'Nini', 'Nana')")

        assert set(reached(two)[1].values()) == {"other"}
