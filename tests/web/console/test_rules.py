"""Rules on their pages: counted by field, tried, shown as a change of hub.yaml, saved once and by who may."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from hub.access.rights import Role
from hub.store import audit
from tests.web.console.test_pages import conflict_of


def hidden(text: str, name: str) -> str:
    return html.unescape(re.search(rf'name="{name}" value="([^"]*)"', text)[1])


def yaml() -> str:
    return Path("config/hub.yaml").read_text()


def test_fields_in_conflict_are_counted_by_system(look):
    text = look.get("/conflicts/rules").text

    assert 'href="/conflicts/rules/job_title"' in text and "latest" in text


def test_rules_are_compared_before_one_is_chosen(look):
    text = look.get("/conflicts/rules/job_title").text

    for rule in ("latest", "most_complete", "most_common", "order: crm", "order: shop", "order: crm, shop"):
        assert f">{rule}</a>" in text
    assert "hub.yaml" not in text


def test_a_rule_shows_what_it_would_have_decided_and_what_it_changes_in_the_file(look):
    row = conflict_of(look)
    other = "crm" if row.connection == "shop" else "shop"
    winner = row.connection if row.winner == row.theirs else other
    loser = other if winner == row.connection else row.connection

    same = look.get(f"/conflicts/rules/job_title?rule={winner}").text
    text = look.get(f"/conflicts/rules/job_title?rule={loser}").text

    assert "What would have been decided otherwise" not in same
    assert f"<del>{row.winner}</del> → <ins>" in text
    assert f"+    job_title: [{loser}]" in html.unescape(text) or f"+    job_title:\n+    - {loser}" in text


def test_a_saved_rule_stands_in_the_file_and_in_the_audit(look):
    look.role = Role.ADMINISTRATOR
    before = yaml()
    page = look.get("/conflicts/rules/job_title?order=crm%2C+shop").text

    answer = look.post("/conflicts/rules/job_title", rule=["crm", "shop"], etag=hidden(page, "etag"))

    assert answer.headers["location"] == "/conflicts/rules"
    assert before.strip() in yaml() and "job_title" in yaml()
    with look.console.world.store.read() as tx:
        (row,) = audit.rows(tx, audit.Wanted(action="rule saved"), 10)
    assert row.subject == "golden.rules" and row.detail["rule"] == "order: crm, shop"


def test_a_rule_is_not_saved_over_a_file_that_somebody_has_changed(look):
    look.role = Role.ADMINISTRATOR
    page = look.get("/conflicts/rules/job_title?rule=crm").text
    Path("config/hub.yaml").write_text(yaml() + "# by hand\n")
    there = yaml()

    answer = look.post("/conflicts/rules/job_title", rule=["crm"], etag=hidden(page, "etag"))

    assert answer.status_code == 409 and "changed by somebody else" in answer.text
    assert yaml() == there
    again = look.post("/conflicts/rules/job_title", rule=["crm"], etag=hidden(answer.text, "etag"))
    assert again.status_code == 303 and "# by hand" in yaml() and "job_title" in yaml()
    with look.console.world.store.read() as tx:
        assert len(audit.rows(tx, audit.Wanted(action="rule saved"), 10)) == 1


def test_who_may_not_configure_sees_the_difference_and_saves_nothing(look):
    page = look.get("/conflicts/rules/job_title?rule=crm").text
    before = yaml()

    assert "An administrator can save it." in page and 'name="etag"' not in page
    assert look.post("/conflicts/rules/job_title", rule=["crm"], etag="x").status_code == 403
    assert yaml() == before


@pytest.mark.parametrize(
    "path",
    ["/conflicts/rules/consents?rule=latest", "/conflicts/rules/job_title?rule=newest", "/conflicts/rules/a%22b"],
)
def test_what_is_no_rule_is_refused_with_the_next_step(look, path):
    answer = look.get(path)

    assert answer.status_code == 409 and "Nothing was changed" in answer.text
