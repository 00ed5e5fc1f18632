"""The domain of e-mail addresses put right in many parked records and refused writes at once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError, NotThere, Overtaken
from hub.store import audit
from hub.store.lists import ParkedFilter, ParkedRow
from hub.sync.domains import DomainRule, forecast, found_in, mend
from tests.fakes.rig import ADA, EVA, RUI, Rig
from tests.fakes.systems import refused

GMAIL = DomainRule("gmial.com", "gmail.com")


@pytest.fixture
def rig() -> Rig:
    """Five people of `crm`, none of whom `erp` took; two have a misspelled domain, and two an address that is none."""
    rig = Rig()
    crm, erp = rig.add("crm"), rig.add("erp")
    crm.put("1", **{**ADA, "mail": "ada@gmial.com"})
    crm.put("2", **{**RUI, "mail": "rui@gmial.com"})
    crm.put("3", **EVA)
    crm.put("4", given="Max", family="Fox", mail="max@gmail,com")
    crm.put("5", given="Zoe", family="Hill", mail="zoe@gmail,com")
    rig.sync("crm")
    erp.answers.append(refused("no such domain"))
    rig.sync("erp")
    return rig


def mails(rig: Rig, system: str = "erp") -> list[str]:
    return sorted(row.fields.get("mail") or "" for row in rig.systems[system].rows.values())


def test_addresses_that_were_refused_are_put_right_on_all_contacts(rig: Rig) -> None:
    told = forecast(rig.store, ParkedFilter(stage="write"), GMAIL)
    assert (told.total, told.counted, told.records, told.writes) == (5, 5, 0, 2)
    assert sorted((each.before, each.after) for each in told.shown) == [
        ("ada@gmial.com", "ada@gmail.com"),
        ("rui@gmial.com", "rui@gmail.com"),
    ]

    done = mend(rig.hub, ParkedFilter(stage="write"), GMAIL, "eve", "PT", seen=5)
    rig.sync("erp")

    assert len(done.numbers) == 2
    assert {"ada@gmail.com", "rui@gmail.com"} <= set(mails(rig))
    assert len(rig.parked("write")) == 3


def test_values_of_records_are_taken_as_they_are_meant(rig: Rig) -> None:
    rule = DomainRule("gmail,com", "gmail.com")
    assert forecast(rig.store, ParkedFilter(stage="value"), rule).records == 2

    done = mend(rig.hub, ParkedFilter(), rule, "eve", "PT")
    rig.sync("crm")

    assert len(done.numbers) == 2
    assert rig.parked("value") == []
    assert "emails/max@gmail.com" in rig.golden("crm", "4")
    assert "emails/zoe@gmail.com" in rig.golden("crm", "5")


def test_without_the_right_to_change_contacts_refused_writes_are_left(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="None of these"):
        mend(rig.hub, ParkedFilter(), GMAIL, "eve", "PT", contacts=False)

    assert {row.state for row in rig.parked("write")} == {"open"}


def test_each_row_is_in_the_audit_and_no_address(rig: Rig) -> None:
    mend(rig.hub, ParkedFilter(), GMAIL, "eve", "PT")

    with rig.store.read() as tx:
        [said] = audit.rows(tx, audit.Wanted(action="refused writes corrected"), 10)
    assert "gm" not in json.dumps(said.detail)
    assert len(said.detail["numbers"]) == 2


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (DomainRule("", "gmail.com"), "stands behind the @"),
        (DomainRule("ann@gmial.com", "gmail.com"), "stands behind the @"),
        (DomainRule("gmial.com", "gmail,com"), "no domain"),
        (DomainRule("gmial.com", ""), "no domain"),
        (DomainRule("gmial.com", "<script>"), "no domain"),
        (DomainRule("x" * 300, "gmail.com"), "stands behind the @"),
        (DomainRule("example.net", "example.org"), "None of these"),
    ],
)
def test_a_rule_that_cannot_be_changes_nothing(rig: Rig, rule: DomainRule, said: str) -> None:
    before = [(row.number, row.state) for row in rig.parked("write")]

    with pytest.raises(ConfigError, match=said):
        mend(rig.hub, ParkedFilter(), rule, "eve", "PT")

    assert [(row.number, row.state) for row in rig.parked("write")] == before


def test_other_records_than_were_looked_at_are_refused(rig: Rig) -> None:
    with pytest.raises(Overtaken, match="7 such records"):
        mend(rig.hub, ParkedFilter(), GMAIL, "eve", "PT", seen=2)
    with pytest.raises(NotThere):
        mend(rig.hub, ParkedFilter("nobody"), GMAIL, "eve", "PT")


ROW = ParkedRow(1, "crm", "1", "value", "", "{}", 0.0, "open")


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("ann@gmial.com", "ann@gmail.com"),
        ("Ann@GMIAL.com; bob@gmial.com", "Ann@gmail.com; bob@gmail.com"),
        ("ann@gmial.com.br", None),
        ("ann@mail.gmial.com", None),
        ("ann@gmial.common", None),
        ("write to ann@gmial.com please", None),
        ("gmial.com", None),
        (["ann@example.org", "bob@gmial.com"], "bob@gmail.com"),
        ([{"value": "bob@gmial.com"}], "bob@gmail.com"),
        (7, None),
    ],
)
def test_only_whole_domains_of_addresses_change(value: object, meant: str | None) -> None:
    found = found_in(replace(ROW, original=json.dumps({"emails": value})), GMAIL)

    assert found.get("emails", (None, None))[1] == meant


@given(st.text("ab@.c-x; ", max_size=30), st.text("abc.", min_size=1, max_size=4))
def test_only_what_stands_behind_an_at_sign_changes(text: str, find: str) -> None:
    meant = DomainRule(find, "example.org").applied(text)

    assert meant.replace("@example.org", f"@{find}") == text
