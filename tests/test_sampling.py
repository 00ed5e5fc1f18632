"""Samples: read now, kept for who asked, bounded and forgotten."""

from __future__ import annotations

import pytest

from hub.errors import TransientError
from hub.model import Record
from hub.sampling import KEPT_SECONDS, LARGEST_RECORD, MOST_KEPT, MOST_RECORDS, Samples
from tests.cli.conftest import hub
from tests.cli.desk import Desk
from tests.web.console.rig import looked_at

__all__ = ["hub"]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def world(hub, tmp_path):
    desk = Desk(hub)
    for n in range(30):
        desk.type_in(
            "crm", f"Ann{n}", "Baker", f"ann{n}@example.org", job="x" * (LARGEST_RECORD + 1) if n == 1 else "y"
        )
    desk.sync("crm")
    with looked_at(tmp_path / "config") as look:
        yield look.console.world


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def samples(clock) -> Samples:
    return Samples(lambda name: None, clock)


def test_a_few_records_are_read_and_those_too_large_are_said(samples, world):
    sample = samples.read(world.config, "crm", "ann")

    assert len(sample.records) == MOST_RECORDS - 1
    assert [said.split(":")[0] for said in sample.aside] == ["2"]
    assert sample.error is None


def test_a_sample_is_kept_for_who_read_it_and_for_some_minutes(samples, world, clock):
    samples.read(world.config, "crm", "ann")
    assert samples.kept("ann", "crm") is not None
    assert samples.kept("bob", "crm") is None and samples.kept("ann", "shop") is None

    clock.now += KEPT_SECONDS

    assert samples.kept("ann", "crm") is None


def test_no_more_than_so_many_are_kept(samples, world, clock):
    for n in range(MOST_KEPT + 5):
        clock.now += 1
        samples.read(world.config, "crm", f"person{n}")

    kept = [n for n in range(MOST_KEPT + 5) if samples.kept(f"person{n}", "crm")]
    assert kept == list(range(5, MOST_KEPT + 5))


def test_a_system_that_cannot_be_asked_is_part_of_the_answer(samples, world, monkeypatch):
    config = world.config.model_copy(
        update={
            "connections": {
                "crm": world.config.connections["crm"].model_copy(
                    update={"settings": {"url": "sqlite:///crm.db", "table": "nowhere", "key": "id"}}
                )
            }
        }
    ).placed(world.config.folder)

    sample = samples.read(config, "crm", "ann")

    assert sample.records == () and "nowhere" in (sample.error or "")


def test_only_a_few_systems_are_asked_at_one_time(samples, world):
    with samples._asking(), samples._asking(), pytest.raises(TransientError):
        samples.read(world.config, "crm", "ann")
    assert samples.read(world.config, "crm", "ann").records


def test_a_count_keeps_nothing(samples, world):
    route = world.hub().routes["crm"].mapping

    tally = samples.count(world.config, "crm", route, route)

    assert (tally.records, tally.otherwise) == (30, 0)
    assert samples.kept("ann", "crm") is None


def test_a_count_ends_when_its_time_is_over(world):
    class Fast(Clock):
        def __call__(self) -> float:
            self.now += 30
            return self.now

    route = world.hub().routes["crm"].mapping

    assert Samples(lambda name: None, Fast()).count(world.config, "crm", route, route).records == 1


def test_values_without_a_json_form_are_measured_too(samples):
    from hub.sampling import _size

    assert _size(Record("1", {"n": 2**80})) > 20
