"""The results of the kit as a table, and reasons that are none."""

from __future__ import annotations

import pytest

from hub.cli.checked import read_reasons
from hub.testing import OVER_HTTP
from hub.testing.contract import THEMES, ConnectorContract, checks
from hub.testing.table import FAILED, NOT_APPLICABLE, NOT_ASKED, PASSED, Column, kept, table

SHOWN = {"FirstTheme": ["test_a_thing_is_seen", "test_another_is_not"], "Other": ["test_a_third"]}


def column(name: str, **states: str) -> Column:
    made = Column(name, "acorn")
    for check, state in states.items():
        made.note(f"test_{check}", state, "there is no such thing" if state == NOT_ASKED else "")
    return made


def test_there_are_more_than_sixty_checks_and_no_two_have_one_name() -> None:
    names = [name for theme in THEMES for name in checks(theme)]

    assert len(names) > 60
    assert len(set(names)) == len(names)


def test_every_check_has_a_row_and_every_class_a_column() -> None:
    columns = [
        column("TestAcorn", a_thing_is_seen=PASSED, another_is_not=FAILED, a_third=NOT_APPLICABLE),
        column("TestOak", a_thing_is_seen=PASSED, another_is_not=NOT_ASKED, a_third=PASSED),
    ]

    text = table({each.name: each for each in columns}, SHOWN)

    assert "| acorn | Acorn | 1 | 1 | 1 | 0 |" in text
    assert "## First theme\n\n| check | Acorn | Oak |\n|---|---|---|\n| a thing is seen | ✓ | ✓ |" in text
    assert "| another is not | ✗ | ○ |" in text
    assert "| a third | – | ✓ |" in text


def test_reasons_stand_below_and_a_whole_theme_in_one_line() -> None:
    one = column("TestAcorn", a_thing_is_seen=NOT_ASKED, another_is_not=NOT_ASKED, a_third=PASSED)

    assert read_reasons(table({"TestAcorn": one}, SHOWN)) == {
        "acorn": ["Acorn: *First theme* (2 checks): there is no such thing"]
    }


def test_a_later_run_keeps_the_results_of_others() -> None:
    one = column("TestAcorn", a_thing_is_seen=NOT_ASKED, another_is_not=FAILED, a_third=PASSED)
    text = table({"TestAcorn": one}, SHOWN)

    assert kept(text, SHOWN) == {"TestAcorn": one}
    assert table(kept(text, SHOWN), SHOWN) == text
    assert kept(text, {"FirstTheme": ["test_a_thing_is_seen"]}) == {}


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ([PASSED, PASSED], PASSED),
        ([PASSED, FAILED, PASSED], FAILED),
        ([NOT_APPLICABLE, PASSED], PASSED),
        ([NOT_APPLICABLE, NOT_APPLICABLE], NOT_APPLICABLE),
    ],
)
def test_a_check_with_several_cases_is_as_good_as_its_worst(states: list[str], shown: str) -> None:
    one = Column("TestAcorn")
    for state in states:
        one.note("test_a_third", state)

    assert one.results == {"test_a_third": shown}


def test_a_reason_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="is no reason"):

        class Short(ConnectorContract):
            cannot = {"test_a_change_is_seen": "no"}  # noqa: RUF012


def test_a_check_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="there is no check and no theme test_something"):

        class Unknown(ConnectorContract):
            cannot = {"test_something": "it is not there at all"}  # noqa: RUF012


def test_a_theme_named_in_cannot_is_not_collected() -> None:
    class Files(ConnectorContract):
        cannot = dict.fromkeys(OVER_HTTP, "it speaks no HTTP at all")

    left = [name for theme in THEMES for name in checks(theme) if getattr(Files, name) is not None]
    assert len(left) == sum(len(checks(theme)) for theme in THEMES if theme.__name__ not in OVER_HTTP)
    assert set(Files.reasons().values()) == {"it speaks no HTTP at all"}
