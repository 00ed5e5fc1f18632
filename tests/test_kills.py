"""A slice of the long suite: python -m tests.kills --kills 100."""

from tests.kills import play


def test_a_sync_that_is_killed_loses_nothing_and_doubles_nothing():
    tally = play(seed=11, kills=2, contacts=200)

    assert (tally.lost, tally.doubled, tally.wrong) == ([], [], [])
    assert tally.kills == 2
    assert tally.contacts >= 200
