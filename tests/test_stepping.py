"""A thread that steps until it is told to stop."""

import logging
import threading

import pytest

from hub.errors import TransientError
from hub.stepping import Beat, Stepping

QUICK = Beat("quick", "nothing was done", rest=0.01, trouble=0.01)
NEVER = 600.0


class Steps:
    """Its answers one after the other, an error being raised; then nothing to do. told: when there were `enough`"""

    def __init__(self, *answers, enough=1):
        self._answers, self._enough = list(answers), enough
        self.made = 0
        self.told = threading.Event()

    def __call__(self):
        self.made += 1
        if self.made >= self._enough:
            self.told.set()
        answer = self._answers.pop(0) if self._answers else 0
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def stopping():
    found = threading.Event()
    yield found
    found.set()


def begun(steps, beat, stopping):
    thread = Stepping(steps, beat, stopping)
    thread.start()
    return thread


def test_while_there_is_more_to_do_it_does_not_rest(stopping):
    steps = Steps(3, 2, 1, enough=4)
    begun(steps, Beat("busy", "nothing was done", rest=NEVER), stopping)

    assert steps.told.wait(10)
    assert steps.made == 4


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TransientError("the store is away"), "nothing was done: the store is away"),
        (KeyError("bug"), "error of the hub"),
    ],
    ids=["expected", "a bug"],
)
def test_an_error_in_a_step_is_logged_and_does_not_end_it(stopping, caplog, error, said):
    caplog.set_level(logging.WARNING)
    steps = Steps(error, enough=3)
    begun(steps, QUICK, stopping)

    assert steps.told.wait(10)
    assert said in caplog.text


def test_after_trouble_it_rests_longer(stopping):
    steps = Steps(TransientError("the store is away"), enough=2)
    begun(steps, Beat("weary", "nothing was done", rest=0.0, trouble=NEVER), stopping)

    assert not steps.told.wait(0.3)
    assert steps.made == 1


def test_it_can_rest_before_the_first_step(stopping):
    steps = Steps()
    begun(steps, Beat("late", "nothing was done", rest=0.0, first=NEVER), stopping)

    assert not steps.told.wait(0.3)


def test_it_ends_out_of_its_rest_when_it_is_told_to(stopping):
    steps = Steps()
    thread = begun(steps, Beat("resting", "nothing was done", rest=NEVER), stopping)
    assert steps.told.wait(10)
    stopping.set()

    assert thread.wait(10)
    assert steps.made == 1


def test_one_that_is_in_the_middle_of_a_step_has_not_ended(stopping):
    in_it, go_on = threading.Event(), threading.Event()

    def step():
        in_it.set()
        go_on.wait(10)

    thread = begun(step, QUICK, stopping)
    assert in_it.wait(10)
    stopping.set()

    assert not thread.wait(0.05)
    go_on.set()
    assert thread.wait(10)


def test_one_that_was_never_started_has_ended(stopping):
    assert Stepping(Steps(), QUICK, stopping).wait(0)
