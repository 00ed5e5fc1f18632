"""The mapping page: rows, sample records before and after, what saving means, who may."""

from __future__ import annotations

import html
import re
from pathlib import Path
from time import perf_counter

import pytest

from hub.access.rights import Role
from hub.config.load import load_config
from hub.errors import TransientError
from tests.web.console.rig import looked_at

PLACE = "/connections/crm/mapping"


@pytest.fixture
def desk_look(look):
    look.role = Role.ADMINISTRATOR
    return look


def typed(text: str) -> dict[str, list[str] | str]:
    """What a browser would send of the form in a page."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", text):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and 'type="checkbox"' not in tag and name[1] not in ("csrf", "q", "back"):
            found.setdefault(name[1], []).append(html.unescape(value[1]) if value else "")
    for name, body in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', text, re.S):
        found.setdefault(name, []).append(html.unescape(body))
    for name, body in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', text, re.S):
        chosen = re.search(r'value="([^"]*)"[^>]*selected', body) or re.search(r'value="([^"]*)"', body)
        if name not in ("language", "theme", "record") and chosen:
            found.setdefault(name, []).append(html.unescape(chosen[1]))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def opened(look) -> dict:
    return typed(look.get(PLACE).text)


def test_a_row_is_changed_and_all_else_in_the_file_stays_as_it_was_typed(desk_look):
    file = Path("config/people.yaml")
    file.write_text(
        "# Of both.\nfields:\n  given_name: first  # theirs\n" + file.read_text().split("given_name: first\n")[1]
    )
    form = opened(desk_look) | {"f.0.s.0.name": "upper"}

    review = desk_look.post(f"{PLACE}/review", **form).text
    answer = desk_look.post(PLACE, **form)

    assert "given_name" in review and "+    with: [upper]" in html.unescape(review)
    assert answer.headers["location"] == f"{PLACE}?saved=yes"
    text = file.read_text()
    assert "# Of both." in text and "# theirs" in text and "with: [upper]" in text
    assert "family_name: last" in text


def test_what_a_row_makes_of_records_is_shown_as_it_stands_in_the_form(desk_look):
    form = opened(desk_look)
    sampled = desk_look.post(f"{PLACE}/sample", **form).text
    assert "All sample records map as they do" in sampled

    changed = desk_look.post(f"{PLACE}/preview", **form | {"f.1.s.0.name": "upper"}).text

    assert "<del>Baker</del> <ins>BAKER</ins>" in changed
    assert "sample records map otherwise" in changed


def test_the_way_back_shows_what_the_golden_record_would_make_of_the_system(desk_look):
    form = opened(desk_look)
    desk_look.post(f"{PLACE}/sample", **form)

    shown = desk_look.post(f"{PLACE}/preview", **form | {"f.4.case": "upper"}).text

    assert "<del>Head of buying</del> <ins>HEAD OF BUYING</ins>" in shown


def test_a_mistake_is_said_at_its_row_and_nothing_is_saved(desk_look):
    before = Path("config/people.yaml").read_text()
    form = opened(desk_look) | {"f.0.name": "given_nam", "f.3.max_length": "many"}

    answer = desk_look.post(PLACE, **form)

    assert answer.status_code == 422
    assert "did you mean given_name?" in answer.text and "max_length: a whole number was expected" in answer.text
    assert Path("config/people.yaml").read_text() == before


def test_who_comes_too_late_sees_the_difference_and_loses_nothing(desk_look):
    form = opened(desk_look)
    first = form | {"f.0.write": "never"}
    desk_look.post(PLACE, **first)

    late = desk_look.post(PLACE, **form | {"f.1.write": "if_empty"})

    assert late.status_code == 409
    assert "Somebody else changed people.yaml meanwhile" in late.text
    assert "write: if_empty" in late.text and "write: never" in late.text
    assert "if_empty" not in Path("config/people.yaml").read_text()
    again = desk_look.post(PLACE, **typed(late.text) | {"etag": re.search(r'name="etag" value="(\w+)"', late.text)[1]})
    assert again.status_code == 303
    assert "if_empty" in Path("config/people.yaml").read_text()


def test_rows_are_added_moved_and_removed_without_losing_what_was_typed(desk_look):
    form = opened(desk_look) | {"f.0.from": "forename"}
    added = desk_look.post(f"{PLACE}/table", **form, act="map:mobile").text
    form = typed(added)
    assert form["f.0.from"] == "forename"
    place = next(name[:-5] for name, value in form.items() if name.endswith(".from") and value == "mobile")
    assert form[f"{place}.name"] == "phones"

    moved = typed(desk_look.post(f"{PLACE}/table", **form, act=f"up:{place[2:]}").text)
    assert [value for name, value in moved.items() if name.endswith(".from")][3:5] == ["mobile", "tel"]

    removed = typed(desk_look.post(f"{PLACE}/table", **moved, act=f"remove:{place[2:]}").text)
    assert "tel" not in removed.values()


FAIR = """  # From the fair.
  fair:
    type: mailman
    url: http://127.0.0.1:1
    user: hub
    secret: env:NOBODY
    list: fair.lists.example.org
"""


def test_a_connection_without_a_file_gets_one_with_the_comments_of_its_type(desk):
    hub = Path("config/hub.yaml")
    hub.write_text(hub.read_text() + FAIR)
    with looked_at(Path("config").absolute()) as look:
        look.role = Role.ADMINISTRATOR
        form = typed(look.get("/connections/fair/mapping").text)

        answer = look.post("/connections/fair/mapping", **form)

    assert answer.status_code == 303
    assert hub.read_text().endswith(FAIR + "    mapping: mappings/fair.yaml\n")
    assert "\n#" in "\n" + Path("config/mappings/fair.yaml").read_text()
    load_config(Path("config"))


def test_a_saved_mapping_is_noted_by_rows_and_never_by_values(desk_look):
    desk_look.post(PLACE, **opened(desk_look) | {"f.4.from": "secret_column"})

    with desk_look.console.world.store.read() as tx:
        rows = tx.all("SELECT who, action, subject, detail FROM audit WHERE action = 'mapping changed'")

    assert [row[:3] for row in rows] == [("ann", "mapping changed", "connection crm")]
    assert "job_title" in rows[0][3] and "secret_column" not in rows[0][3]


def test_the_next_run_maps_by_what_was_saved(desk_look, desk):
    desk_look.post(PLACE, **opened(desk_look) | {"f.1.s.0.name": "upper"})

    desk.sync("crm")

    assert desk.json("contacts", "find", "baker")["rows"][0]["fields"]["family_name"] == "BAKER"


def test_who_may_not_change_it_sees_the_table_and_no_record(look):
    look.role = Role.VIEWER
    shown = look.get(PLACE)

    assert shown.status_code == 200
    assert '<fieldset class="whole" disabled>' in shown.text and "Baker" not in shown.text
    assert look.post(PLACE, **typed(shown.text)).status_code == 403


def test_a_sample_belongs_to_who_read_it(desk_look):
    form = opened(desk_look)
    desk_look.post(f"{PLACE}/sample", **form)
    assert "ann.baker" in desk_look.get(PLACE).text

    desk_look.role = Role.AGENT

    assert "ann.baker" not in desk_look.get(PLACE).text


def test_how_many_records_map_otherwise_is_counted(desk_look):
    form = opened(desk_look) | {"f.0.s.0.name": "upper"}

    counted = desk_look.post(f"{PLACE}/count", **form).text

    assert "Of the first 7 records, 7 map otherwise." in counted and "given_name: 7" in counted


def test_a_preview_of_ten_records_is_there_at_once(desk, look):
    for n in range(10):
        desk.type_in("crm", f"Name{n}", f"Last{n}", f"n{n}@example.org", tel=f"91200010{n}", job="Buyer")
    look.role = Role.ADMINISTRATOR
    form = opened(look)
    look.post(f"{PLACE}/sample", **form)
    form |= {"f.1.s.0.name": "upper", "record": "3"}
    took = []
    for _ in range(5):
        began = perf_counter()
        look.post(f"{PLACE}/preview", **form)
        took.append(perf_counter() - began)

    assert min(took) < 0.5  # 0.1 on a machine that does nothing else


def test_when_too_many_are_reading_it_says_so_and_what_was_typed_stays(desk_look, monkeypatch):
    def busy(*_: object) -> None:
        raise TransientError("Others are reading at this moment, so none were read.")

    form = opened(desk_look) | {"f.0.from": "forename"}
    monkeypatch.setattr("hub.web.console.mapping.Samples.read", busy)

    answer = desk_look.post(f"{PLACE}/sample", **form)

    assert "Others are reading at this moment" in answer.text and 'value="forename"' in answer.text


def test_a_system_that_does_not_answer_is_said_in_the_preview(desk_look):
    Path("crm.db").unlink()
    form = opened(desk_look)

    assert "No records could be read." in desk_look.post(f"{PLACE}/sample", **form).text


def test_hostile_values_and_names_are_shown_as_they_are(desk_look, desk):
    desk.type_in("crm", "<b>x", "y", None)
    form = opened(desk_look) | {"f.0.name": "<script>alert(1)</script>", "f.1.from": '"><img>'}

    shown = desk_look.post(f"{PLACE}/sample", **form).text

    assert "<script>alert" not in shown and "<img>" not in shown and "<b>x" not in shown


def test_nothing_is_saved_where_the_configuration_says_so(desk):
    hub = Path("config/hub.yaml")
    hub.write_text(hub.read_text() + "web: {edit: false}\n")
    with looked_at(Path("config").absolute()) as look:
        look.role = Role.ADMINISTRATOR
        shown = look.get(PLACE).text
        answer = look.post(PLACE, **typed(shown) | {"f.0.from": "other"})

    assert "Nothing can be saved from here: web.edit is false" in html.unescape(shown)
    assert answer.status_code == 409
    assert "other" not in Path("config/people.yaml").read_text()
