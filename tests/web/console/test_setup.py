"""Connections are set up on pages; what is saved stands in hub.yaml, with the comments that were there."""

import re
from pathlib import Path

import pytest
import yaml

from hub.access.rights import Role
from hub.config import load_config
from hub.connectors.registry import connector_type, connector_types
from hub.secrets import revealed
from hub.store import audit, sealed
from hub.web.console.setup_fields import all_fields, own_fields, shared_fields, typed_values
from hub.web.guard import csrf_of
from tests.web.console.rig import SESSION

HX = {"hx-request": "true"}


@pytest.fixture
def admin(look):
    look.role = Role.ADMINISTRATOR
    Path("in").mkdir(exist_ok=True)
    Path("in/people.csv").write_text(
        "source_id,full_name,emails\n1,Ana Lima,ana.lima@example.org\n2,Rui Sá,rui@example.org\n"
    )
    return look


def file():
    return Path("config/hub.yaml").absolute()


def seen_on(page):
    return re.search(r'name="seen" id="seen" value="([^"]*)"', page.text)[1]


def add(look, do="save", kind="file", **typed):
    return look.post(f"/connections/add-one/{kind}", do=do, seen="", **{"name": "fair", **typed})


def edit(look, name="fair", do="save", seen=None, **typed):
    page = look.get(f"/connections/{name}/setup")
    fields = dict(re.findall(r'<input id="(s\.[^"]+|c\.[^"]+)" name="[^"]+" value="([^"]*)"', page.text))
    for name_of, body in re.findall(r'<select id="([^"]+)"[^>]*>(.*?)</select>', page.text, re.DOTALL):
        fields[name_of] = (re.findall(r'value="([^"]*)" selected', body) or [""])[0]
    return look.post(f"/connections/{name}/setup", do=do, seen=seen or seen_on(page), **{**fields, **typed})


def rows(look):
    with look.console.world.store.read() as tx:
        return [
            (row.action, row.subject, row.detail)
            for row in audit.rows(tx, audit.Wanted(), 50)
            if row.subject == "connection fair"
        ]


def test_every_kind_is_offered_with_what_it_can_do_and_found_by_its_words(admin):
    text = admin.get("/connections/add-one").text
    found = admin.get("/connections/add-one?find=hubspot").text

    for kind in ("file", "sql", "hubspot", "form", "tryton"):
        assert f'href="/connections/add-one/{kind}"' in text
    assert "<li>deletions told</li>" in text
    assert 'href="/connections/add-one/hubspot"' in found
    assert 'href="/connections/add-one/sql"' not in found


def test_a_connection_is_added_and_stands_in_the_file_beside_its_comments(admin):
    file().write_text("# ours\n" + file().read_text())
    before = file().read_text()

    answer = add(admin, **{"s.path": "in/*.csv", "s.key": "source_id", "c.push": "false", "c.limits.deletes": "5"})

    assert answer.status_code == 303, answer.text
    made = load_config(file().parent).connections["fair"]
    assert (made.type, made.push, made.settings) == ("file", False, {"path": "in/*.csv", "key": "source_id"})
    assert made.limits.deletes.number == 5
    assert set(before.splitlines()) <= set(file().read_text().splitlines())
    assert rows(admin) == [("connection added", "connection fair", {"keys": ["key", "limits", "path", "push", "type"]})]


def test_a_test_shows_what_is_there_and_writes_nothing(admin):
    before = file().read_text()

    answer = admin.post("/connections/add-one/file", do="test", seen="", name="fair", **{"s.path": "in/*.csv"})

    assert "it works" in answer.text
    assert "ana.lima@example.org" in answer.text
    assert "+    path: in/*.csv" in answer.text
    assert file().read_text() == before
    assert rows(admin) == []


def test_what_does_not_work_says_the_next_step(admin):
    answer = add(admin, do="test", **{"s.path": "nowhere/*.csv"})

    assert "it does not work yet" in answer.text
    assert "Next: check `path`" in answer.text


def test_mistakes_are_named_by_their_key_and_what_was_typed_stays(admin):
    answer = add(
        admin, **{"s.path": "in/*.csv", "s.header_row": "first", "c.schedule": "often", "s.user": "<b>ann</b>"}
    )

    assert answer.status_code == 200
    assert 'href="#f-header_row"' in answer.text
    assert 'href="#f-schedule"' in answer.text
    assert 'value="&lt;b&gt;ann&lt;/b&gt;"' in answer.text
    assert "fair" not in load_config(file().parent).connections


def test_a_form_that_could_send_no_mail_is_not_saved(admin):
    box = "- {field: news, purpose: newsletter, wording: Send me news}"
    typed = {"s.signature": "none", "s.allow_unsigned": "true", "s.consent": box}
    refused = add(admin, kind="form", **typed, **{"s.double_opt_in.valid": "2 days"})

    assert "sends mails with a link" in refused.text
    assert "fair" not in load_config(file().parent).connections
    assert add(admin, kind="form", **typed).status_code == 303


@pytest.mark.parametrize("name", ["", "Fair", "1fair", "a b", "x" * 41, "a.b", "crm/../x"])
def test_a_name_that_is_none_is_refused(admin, name):
    answer = add(admin, name=name, **{"s.path": "in/*.csv"})

    assert "small letters" in answer.text
    assert rows(admin) == []


def test_a_name_that_is_taken_overwrites_nothing(admin):
    before = file().read_text()

    answer = add(admin, name="crm", **{"s.path": "in/*.csv"})

    assert "was changed by somebody else" in answer.text
    assert file().read_text() == before


def test_a_secret_that_is_typed_in_is_sealed_and_never_shown(admin):
    typed = {"s.url": "https://news.example.org", "s.user": "hub", "s.list": "3"}
    secret = "correct-horse-battery"

    looked = add(admin, do="look", kind="listmonk", **typed, **{"typed.s.secret": secret})
    answer = add(admin, kind="listmonk", **typed, **{"typed.s.secret": secret})

    assert answer.status_code == 303, answer.text
    assert "sealed:FAIR_SECRET" in looked.text
    assert "secret: sealed:FAIR_SECRET" in file().read_text()
    page = admin.get("/connections/fair/setup")
    assert "There is one." in page.text
    for text in (looked.text, page.text, file().read_text(), str(rows(admin))):
        assert secret not in text
    with admin.console.world.store.read() as tx:
        assert [each.name for each in sealed.secrets(tx)] == ["FAIR_SECRET"]
    assert sealed.opener(admin.console.world.store)("FAIR_SECRET") == secret


def test_a_secret_as_it_is_in_a_plain_field_is_refused_and_not_repeated(admin):
    typed = {"s.url": "https://news.example.org", "s.user": "hub", "s.list": "3", "s.secret": "hunter2-hunter2"}

    answer = admin._ask("POST", "/connections/add-one/listmonk", data={**form(typed), "do": "save"}, headers=HX)

    assert "a secret stands here itself" in answer.text
    assert "hunter2" not in answer.text
    assert "hunter2-hunter2" not in revealed()


def form(typed):
    return {"csrf": csrf_of(SESSION), "name": "fair", "seen": "", **typed}


def test_a_change_touches_its_keys_only_and_secrets_stay(admin):
    add(admin, **{"s.path": "in/*.csv", "c.schedule": "every 5 minutes", "s.secret": "env:FAIR_KEY"})
    file().write_text(file().read_text().replace("path: in/*.csv", "path: in/*.csv   # from the fair"))

    answer = edit(admin, **{"c.schedule": "every 7 minutes"})

    assert answer.status_code == 303, answer.text
    assert "path: in/*.csv   # from the fair" in file().read_text()
    assert load_config(file().parent).connections["fair"].settings["secret"] == "env:FAIR_KEY"
    assert rows(admin)[0] == ("connection changed", "connection fair", {"keys": ["schedule"]})


def test_who_is_late_sees_the_difference_and_loses_nothing(admin):
    add(admin, **{"s.path": "in/*.csv", "c.schedule": "every 5 minutes"})
    mine = seen_on(admin.get("/connections/fair/setup"))
    edit(admin, **{"c.schedule": "every 9 minutes"})

    late = edit(admin, seen=mine, **{"c.schedule": "every 7 minutes", "s.user": "typed by me"})

    assert "every 9 minutes" in file().read_text()
    assert re.search(r'class="take">-\s+schedule: every 9 minutes', late.text)
    assert re.search(r'class="add">\+\s+schedule: every 7 minutes', late.text)
    assert 'value="typed by me"' in late.text
    again = edit(admin, seen=seen_on(late), **{"c.schedule": "every 7 minutes"})
    assert again.status_code == 303
    assert "every 7 minutes" in file().read_text()


def test_a_change_of_another_connection_meanwhile_disturbs_nobody(admin):
    add(admin, **{"s.path": "in/*.csv"})
    mine = seen_on(admin.get("/connections/fair/setup"))
    file().write_text(file().read_text() + "# somebody was here\n")

    assert edit(admin, seen=mine, **{"c.schedule": "manual"}).status_code == 303
    assert "# somebody was here" in file().read_text()


def test_a_removal_says_what_it_means_and_forgets_its_secrets(admin):
    add(
        admin,
        kind="listmonk",
        **{"s.url": "https://n.example.org", "s.user": "hub", "s.list": "3", "typed.s.secret": "s3cret-s3cret"},
    )
    page = admin.get("/connections/fair/remove")
    assert "stays in the store" in page.text

    answer = admin.post("/connections/fair/remove", seen=re.search(r'name="seen" value="([^"]*)"', page.text)[1])

    assert answer.status_code == 303
    assert "fair" not in load_config(file().parent).connections
    assert [row[:2] for row in rows(admin)] == [
        ("connection removed", "connection fair"),
        ("connection added", "connection fair"),
    ]
    with admin.console.world.store.read() as tx:
        assert sealed.secrets(tx) == []


def test_a_removal_that_others_need_is_refused(admin):
    add(admin, **{"s.path": "in/*.csv"})
    file().write_text(file().read_text() + "golden: {rules: {company: [fair, crm]}}\n")

    page = admin.get("/connections/fair/remove")
    answer = admin.post("/connections/fair/remove", seen=re.search(r'name="seen" value="([^"]*)"', page.text)[1])

    assert "there is no connection &#34;fair&#34;" in page.text
    assert answer.status_code == 409
    assert "fair" in load_config(file().parent).connections


def test_programs_and_the_master_key_are_out_of_reach(admin):
    Path("data").mkdir(exist_ok=True)

    program = add(admin, kind="singer", **{"s.command": "[sh, -c, id]"})
    key = add(
        admin,
        kind="listmonk",
        **{"s.url": "https://n.example.org", "s.user": "x", "s.list": "3", "s.secret": "file:../data/hub.db.key"},
    )

    assert "by hand" in program.text
    assert "master key" in key.text
    assert rows(admin) == []


def test_read_only_pages_compare_and_try_but_save_nothing(admin):
    file().write_text(file().read_text() + "\nweb: {edit: false}\n")
    object.__setattr__(admin.console.world, "config", load_config(file().parent))

    page = admin.get("/connections/add-one/file")
    looked = add(admin, do="look", **{"s.path": "in/*.csv"})
    saved = add(admin, **{"s.path": "in/*.csv"})

    assert "web.edit is false" in page.text
    assert re.search(r'value="save" disabled', page.text)
    assert "+    path: in/*.csv" in looked.text
    assert "Nothing was saved" in saved.text
    assert "fair" not in load_config(file().parent).connections


def test_a_page_says_how_the_file_differs_from_what_is_in_use(admin):
    file().write_text(re.sub(r"(  crm:\n)", r"\1    zone: Europe/Lisbon\n", file().read_text(), count=1))
    assert "zone: Europe/Lisbon" in admin.get("/connections/crm").text

    file().write_text(file().read_text().replace("Europe/Lisbon", "Europe/Lisboa"))
    assert "this time zone is not known" in admin.get("/connections/crm").text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT, Role.OPERATOR])
def test_who_may_not_configure_is_not_asked_to(look, role):
    look.role = role

    assert "/setup" not in look.get("/connections/crm").text
    assert look.get("/connections/crm/setup").status_code == 403
    assert look.post("/connections/crm/remove", seen="").status_code == 403


def test_a_form_that_is_sent_back_untouched_changes_nothing_for_any_kind():
    for name in connector_types():
        kind = connector_type(name)
        example = yaml.safe_load(kind.example)
        fields = (*own_fields(kind.Settings, example), *shared_fields(example))
        typed = {field.name: field.shown for field in all_fields(fields)}

        assert typed_values(fields, typed, example) == (example, {}, [])
