"""How connections are set up, by programs: what is saved stands in hub.yaml, and nobody is written over."""

import pytest

from hub.access.rights import Role
from hub.client import ChangedMeanwhile, Client, NotValid
from hub.config import load_config
from hub.store import audit, sealed
from hub.web.server import serve

SHOP = "/connections/shop/configuration"
FAIR = "/connections/fair/configuration"


@pytest.fixture
def admin(api):
    api.role = Role.ADMINISTRATOR
    return api


@pytest.fixture
def client(admin):
    serving = serve(admin.app, port=0)
    with Client(serving.url, "of-the-test") as made:
        yield made
    serving.stop()


def file(api):
    return api.world.config.folder / "hub.yaml"


def put(api, path, values, etag=None, **more):
    headers = {} if etag is None else {"If-Match": etag}
    return api.ask("PUT", path, json={"values": values, **more}, headers=headers)


def patch(api, path, values, etag):
    return api.ask("PATCH", path, json={"values": values}, headers={"If-Match": etag})


def noted(api):
    with api.world.store.read() as tx:
        return [(row.who, row.action, row.subject, row.detail) for row in audit.rows(tx, audit.Wanted(), 20)]


def test_it_is_shown_as_it_stands(admin):
    answer = admin.get(SHOP)

    assert answer.json()["values"]["table"] == "people"
    assert answer.json()["in_use"] is True
    assert admin.get("/connections/nothing/configuration").status_code == 404


def test_keys_are_changed_and_taken_out_and_comments_stay(admin):
    file(admin).write_text(file(admin).read_text().replace("table: people", "table: people   # theirs"))
    etag = admin.get(SHOP).headers["etag"]

    answer = patch(admin, SHOP, {"schedule": "manual", "full_every": None, "limits": {"deletes": 3}}, etag)

    assert answer.status_code == 200, answer.text
    assert answer.json()["keys"] == ["full_every", "limits", "schedule"]
    assert "table: people   # theirs" in file(admin).read_text()
    assert load_config(file(admin).parent).connections["shop"].limits.deletes.number == 3
    assert answer.headers["etag"] == admin.get(SHOP).headers["etag"] != etag
    assert admin.get(SHOP).json()["in_use"] is False
    assert noted(admin)[0] == (
        "token:test",
        "connection changed",
        "connection shop",
        {"keys": ["full_every", "limits", "schedule"]},
    )


def test_who_is_late_gets_the_difference(admin):
    etag = admin.get(SHOP).headers["etag"]
    patch(admin, SHOP, {"schedule": "every 9 minutes"}, etag)

    late = patch(admin, SHOP, {"schedule": "every 7 minutes"}, etag)

    assert late.status_code == 412
    assert "-  schedule: every 9 minutes" in late.json()["difference"]
    assert "+  schedule: every 7 minutes" in late.json()["difference"]
    assert patch(admin, SHOP, {"schedule": "every 7 minutes"}, late.headers["etag"]).status_code == 200


def test_without_a_version_nothing_that_is_there_is_changed(admin):
    before = file(admin).read_text()

    assert put(admin, SHOP, {"type": "file", "path": "x.csv"}).status_code == 428
    assert admin.ask("DELETE", SHOP).status_code == 428
    assert file(admin).read_text() == before


def test_mistakes_are_named_by_key_and_secrets_are_not_repeated(admin):
    values = {"type": "listmonk", "url": "https://n.example.org", "user": "x", "list": "1", "secret": "hunter2-hunter2"}

    answer = put(admin, FAIR, {**values, "schedule": "often", "colour": 1})

    assert answer.status_code == 422
    assert {each["where"] for each in answer.json()["errors"]} == {"secret", "schedule", "colour"}
    assert "hunter2" not in answer.text


def test_a_secret_is_sealed_and_named_by_reference(admin):
    values = {"type": "listmonk", "url": "https://n.example.org", "user": "x", "list": "1"}

    made = put(admin, FAIR, values, secrets={"secret": "hunter2-hunter2"})

    assert made.status_code == 200, made.text
    assert admin.get(FAIR).json()["values"]["secret"] == "sealed:FAIR_SECRET"
    assert "hunter2" not in made.text + file(admin).read_text() + str(noted(admin))
    assert sealed.opener(admin.world.store)("FAIR_SECRET") == "hunter2-hunter2"
    gone = admin.ask("DELETE", FAIR, headers={"If-Match": made.headers["etag"]})
    assert gone.status_code == 200
    with admin.world.store.read() as tx:
        assert sealed.secrets(tx) == []


def test_a_trial_reads_and_maps_and_writes_nothing(admin):
    before = file(admin).read_text()

    as_it_is = admin.post(f"{SHOP}/test", {}).json()
    otherwise = admin.post(
        f"{SHOP}/test", {"values": {"type": "sql", "url": "sqlite:///shop.db", "table": "none", "key": "id"}}
    )

    assert as_it_is["works"] is True
    assert as_it_is["samples"]
    assert otherwise.json()["works"] is False
    assert file(admin).read_text() == before
    assert noted(admin)[0][1] != "connection changed"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT, Role.OPERATOR])
def test_others_may_not(api, role):
    api.role = role

    assert api.get(SHOP).status_code == 403
    assert api.post(f"{SHOP}/test", {}).status_code == 403
    assert put(api, FAIR, {"type": "file", "path": "x"}).status_code == 403


def test_programs_are_named_by_hand_only(admin):
    answer = put(admin, FAIR, {"type": "singer", "command": ["sh", "-c", "id"]})

    assert answer.status_code == 422
    assert "by hand" in answer.json()["detail"]


def test_what_no_file_can_hold_is_refused(admin):
    deep: object = "x"
    for _ in range(60):
        deep = [deep]

    for values in ({"type": "file", "path": "a\x00b"}, {"type": "file", "path": deep}, {"type": "file", "n": 10**30}):
        assert put(admin, FAIR, values).status_code == 422
    assert admin.ask("PUT", FAIR, content='{"values": {"path": "\\ud800"}}').status_code == 422


def test_the_client_adds_changes_tries_and_removes(client, admin):
    (file(admin).parent.parent / "in").mkdir()
    (file(admin).parent.parent / "in/p.csv").write_text("source_id,full_name\n1,Ana Lima\n")
    values = {"type": "file", "path": "in/*.csv"}

    assert client.try_configuration("fair", values)["works"] is True
    made = client.configure("fair", values)
    changed = client.configure("fair", {"schedule": "manual"}, etag=made["etag"])
    with pytest.raises(ChangedMeanwhile):
        client.configure("fair", {"schedule": "every 2 minutes"}, etag=made["etag"])
    with pytest.raises(NotValid):
        client.configure("fair", {"schedule": "often"}, etag=changed["etag"])
    assert client.configuration("fair")["values"] == {**values, "schedule": "manual"}
    client.remove_connection("fair", changed["etag"])

    assert "fair" not in load_config(file(admin).parent).connections
