"""Every route × every role, and tokens too: who may is in a table. A route without a row fails."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from hub.access.rights import RIGHTS, Right, Role
from hub.accounts import tokens
from hub.accounts.oidc import Oidc
from hub.accounts.signin import Place
from hub.accounts.tokens import Wanted
from hub.web.guard import COOKIE, PUBLIC, SAFE, asked, csrf_of, routes_of
from tests.web.access.party import Party
from tests.web.access.rig import HERE, Rig, made
from tests.web.access.test_oidc import SETTINGS

TABLE = """
GET    /                                            health
GET    /about                                       health
GET    /access                                      access person
POST   /access/accounts                             access fresh
POST   /access/accounts/{account_id}/role           access fresh
POST   /access/accounts/{account_id}/state          access fresh
POST   /access/tokens                               access fresh
POST   /access/tokens/revoke                        access fresh
GET    /api/v1/conflicts                            contacts
GET    /api/v1/conflicts/{number}                   contacts
POST   /api/v1/conflicts/{number}/accept            decide
POST   /api/v1/conflicts/{number}/overturn          decide
GET    /api/v1/connections                          health
GET    /api/v1/connections/{name}                   health
GET    /api/v1/connections/{name}/mapping           health
PUT    /api/v1/connections/{name}/mapping           configure
POST   /api/v1/connections/{name}/mapping/preview   configure contacts
DELETE /api/v1/connections/{name}/configuration     configure
GET    /api/v1/connections/{name}/configuration     configure
PATCH  /api/v1/connections/{name}/configuration     configure
POST   /api/v1/connections/{name}/configuration/test configure
PUT    /api/v1/connections/{name}/configuration     configure
POST   /api/v1/connections/{name}/pause             run
POST   /api/v1/connections/{name}/runs              run
POST   /api/v1/connections/{name}/start             run
GET    /api/v1/contacts                             contacts
POST   /api/v1/contacts/bulk                        edit
POST   /api/v1/contacts/merge                       edit
GET    /api/v1/contacts/{golden_id}                 contacts
GET    /api/v1/contacts/{golden_id}/consent         contacts
GET    /api/v1/contacts/{golden_id}/erasure         erase
POST   /api/v1/contacts/{golden_id}/erasure         erase
GET    /api/v1/contacts/{golden_id}/explain         contacts
GET    /api/v1/contacts/{golden_id}/history         contacts
PUT    /api/v1/contacts/{golden_id}/pins            edit
DELETE /api/v1/contacts/{golden_id}/pins            edit
POST   /api/v1/contacts/{golden_id}/split           edit
GET    /api/v1/contacts/{golden_id}/timeline        contacts
GET    /api/v1/erasures                             erase
GET    /api/v1/erasures/{erasure_id}                erase
POST   /api/v1/erasures/{erasure_id}/confirm        erase
POST   /api/v1/erasures/{erasure_id}/lift           erase
POST   /api/v1/erasures/{erasure_id}/retry          erase
GET    /api/v1/events                               health
POST   /api/v1/events/{name}/start                  configure
GET    /api/v1/exports/{what}.csv                   export
GET    /api/v1/follow-ups                           lookup
POST   /api/v1/follow-ups/{number}/close            log
GET    /api/v1/holds                                health
GET    /api/v1/holds/{number}                       health
POST   /api/v1/holds/{number}/again                 approve
POST   /api/v1/holds/{number}/approve               approve
GET    /api/v1/holds/{number}/groups                health
GET    /api/v1/holds/{number}/plan                  contacts
POST   /api/v1/holds/{number}/refuse                approve
POST   /api/v1/holds/{number}/rows                  approve
POST   /api/v1/interactions                         log
GET    /api/v1/lookup                               lookup
POST   /api/v1/lookup                               lookup
GET    /api/v1/openapi.json                         health
GET    /api/v1/parked                               contacts
POST   /api/v1/parked/contacts                      edit
POST   /api/v1/parked/correct                       decide
POST   /api/v1/parked/domain                        decide
POST   /api/v1/parked/domain/look                   decide
POST   /api/v1/parked/drop                          decide
POST   /api/v1/parked/lines                         decide
POST   /api/v1/parked/lines/look                    decide
GET    /api/v1/parked/reasons                       contacts
POST   /api/v1/parked/retry                         decide
GET    /api/v1/parked/{number}                      contacts
GET    /api/v1/parked/{number}/line                 contacts
POST   /api/v1/parked/{number}/line                 decide
POST   /api/v1/parked/{number}/line/look            decide
GET    /api/v1/reviews                              contacts
GET    /api/v1/reviews/{number}                     contacts
POST   /api/v1/reviews/{number}/answer              decide
POST   /api/v1/reviews/{number}/undo                decide
GET    /api/v1/rules                                contacts
GET    /api/v1/rules/{field}                        contacts
PUT    /api/v1/rules/{field}                        configure
GET    /api/v1/runs                                 health
GET    /api/v1/runs/{run_id}                        health
GET    /api/v1/runs/{run_id}/outcomes               contacts
GET    /api/v1/runs/{run_id}/outcomes.{form}        export
POST   /api/v1/runs/{run_id}/stop                   run
GET    /api/v1/status                               health
GET    /audit                                       audit
GET    /conflicts                                   contacts
POST   /conflicts/accept                            decide
GET    /conflicts/rules                             contacts
GET    /conflicts/rules/{field}                     contacts
POST   /conflicts/rules/{field}                     configure
GET    /conflicts/{number}                          contacts
POST   /conflicts/{number}/overturn                 decide
GET    /connections                                 health
GET    /connections/add-one                         configure
GET    /connections/add-one/{kind}                  configure
POST   /connections/add-one/{kind}                  configure
GET    /connections/{name}                          health
POST   /connections/{name}                          run
GET    /connections/{name}/mapping                  health
POST   /connections/{name}/mapping                  configure
POST   /connections/{name}/mapping/count            configure contacts
POST   /connections/{name}/mapping/preview          configure contacts
POST   /connections/{name}/mapping/review           configure
POST   /connections/{name}/mapping/sample           configure contacts
POST   /connections/{name}/mapping/table            configure
GET    /connections/{name}/remove                   configure
POST   /connections/{name}/remove                   configure
GET    /connections/{name}/setup                    configure
POST   /connections/{name}/setup                    configure
GET    /contacts                                    contacts
GET    /contacts/found                              contacts
GET    /contacts/{golden_id}                        contacts
GET    /contacts/{golden_id}/consent                contacts
GET    /contacts/{golden_id}/correct                contacts
GET    /contacts/{golden_id}/erase                  erase
POST   /contacts/{golden_id}/erase                  erase
GET    /contacts/{golden_id}/explain                contacts
POST   /contacts/{golden_id}/merge                  edit
POST   /contacts/{golden_id}/notes                  log
POST   /contacts/{golden_id}/pin                    edit
POST   /contacts/{golden_id}/split                  edit
GET    /contacts/{golden_id}/timeline               contacts
POST   /contacts/{golden_id}/unpin                  edit
GET    /desk                                        lookup
POST   /desk                                        lookup
POST   /desk/follow-ups/{number}/close              log
POST   /desk/notes                                  log
GET    /erasures                                    erase
GET    /erasures/{erasure_id}                       erase
POST   /erasures/{erasure_id}/confirm               erase
POST   /erasures/{erasure_id}/lift                  erase
POST   /erasures/{erasure_id}/retry                 erase
POST   /forms/{connection}                          public
GET    /forms/{connection}                          public
OPTIONS /forms/{connection}                         public
GET    /forms/{connection}/confirm                  public
POST   /forms/{connection}/confirm                  public
POST   /forms/{connection}/confirm/again            public
GET    /forms/{connection}/confirmed                public
GET    /forms/{connection}/definition               public
OPTIONS /forms/{connection}/definition              public
GET    /forms/{connection}/embed.js                 public
GET    /forms/{connection}/thanks                   public
GET    /healthz                                     public
GET    /holds                                       health
GET    /holds/{number}                              health
POST   /holds/{number}                              approve
POST   /holds/{number}/again                        approve
POST   /holds/{number}/rows                         approve
GET    /hooks/{connection}                          public
POST   /hooks/{connection}                          public
GET    /me                                          health person
POST   /me/app                                      health fresh
POST   /me/app/confirm                              health fresh
POST   /me/app/remove                               health fresh
POST   /me/password                                 health person
POST   /me/sessions/end                             health person
GET    /messages/{connection}                       public
POST   /messages/{connection}                       public
GET    /messages/{connection}/report                public
GET    /metrics                                     public
GET    /overview/live                               health
GET    /parked                                      contacts
POST   /parked                                      decide
POST   /parked/contacts                             edit
POST   /parked/correct                              decide
POST   /parked/domain                               decide
POST   /parked/domain/look                          decide
POST   /parked/lines                                decide
POST   /parked/lines/look                           decide
GET    /parked/{number}                             contacts
POST   /parked/{number}                             decide
POST   /parked/{number}/contact                     edit
POST   /parked/{number}/line                        decide
POST   /parked/{number}/line/look                   decide
POST   /preferences                                 health
GET    /readyz                                      public
GET    /reviews                                     contacts
GET    /reviews/{number}                            contacts
POST   /reviews/{number}                            decide
POST   /reviews/{number}/undo                       decide
GET    /runs                                        health
GET    /runs/{run_id}                               health
POST   /runs/{run_id}/stop                          run
GET    /settings                                    configure
GET    /sign-in                                     public
POST   /sign-in                                     public
GET    /sign-in/again                               health person
POST   /sign-in/again                               health person
GET    /sign-in/code                                public
POST   /sign-in/code                                public
GET    /sign-in/invited                             public
POST   /sign-in/invited                             public
POST   /sign-in/oidc                                public
POST   /sign-in/oidc/again                          health person
GET    /sign-in/oidc/back                           public
POST   /sign-out                                    health person
MOUNT  /static                                      public
"""
"""METHOD  PATH  the right it asks for, then: person (no token), fresh (no token, and the password a moment ago)"""

ROWS = {f"{line.split()[0]} {line.split()[1]}": line.split()[2:] for line in TABLE.split("\n") if line}
ASKING = {name: row for name, row in ROWS.items() if row != ["public"]}
WRONG_PASSWORD = {"POST /sign-in/again"}  # lets nobody in without a password, whatever else is right
EXPORTS = {"GET /api/v1/exports/{what}.csv", "GET /api/v1/runs/{run_id}/outcomes.{form}"}
KNOWN = {"what": "golden", "number": "999999", "form": "csv"}


@pytest.fixture
def rig(tmp_path) -> Iterator[Rig]:
    with made(tmp_path, lambda clock: Oidc(SETTINGS, clock, Party(clock).transport())) as found:
        for role in Role:
            found.accounts.add("test", role.value, role)
        yield found


def send(rig: Rig, name: str, headers: dict[str, str]) -> httpx.Response:
    """The route, for an object that is not there or belongs to nobody."""
    method, path = name.split(" ")
    path = re.sub(r"\{(\w+)\}", lambda found: KNOWN.get(found[1], "nothing"), path)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(rig.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
            return await client.request(method, path, headers=headers, **body(method, path))

    return asyncio.run(ask())


def body(method: str, path: str) -> dict[str, Any]:
    if method in SAFE:
        return {}
    return {"json": {}} if path.startswith("/api/") else {"data": {"x": "y"}}


def session(rig: Rig, role: Role) -> dict[str, str]:
    """Headers of somebody who has just signed in."""
    secret = rig.entry.signin.start(rig.account(role.value), Place("192.0.2.1"), "test").secret
    return {"cookie": f"{COOKIE}={secret}", "x-csrf-token": csrf_of(secret), "origin": HERE}


def token(rig: Rig, name: str, rights: set[Right]) -> dict[str, str]:
    secret = tokens.make(rig.accounts, "test", Wanted(name, [r.value for r in rights]), frozenset(Right))
    return {"authorization": f"Bearer {secret}"}


def test_every_route_has_its_row_and_every_row_its_route(rig):
    there = {name: sorted(words(route)) or ["public"] for name, route in routes_of(rig.app)}

    assert there == {name: sorted(row) for name, row in ROWS.items()}


def words(route: Any) -> set[str]:
    found = asked(route)
    said = {need.right.value for need in found}
    return said | {word for need in found for word in ("fresh", "person") if getattr(need, word)}


def test_the_public_ones_are_those_that_the_guard_lets_pass():
    assert {name for name, row in ROWS.items() if row == ["public"]} == PUBLIC


def test_nobody_gets_in_anywhere(rig):
    for headers in ({}, {"cookie": f"{COOKIE}=made-up"}, {"authorization": "Bearer hub_made-up"}):
        answers = {name: send(rig, name, headers).status_code for name in ASKING}
        assert {name: status for name, status in answers.items() if status != 401} == {}


@pytest.mark.parametrize("role", Role)
def test_a_role_gets_where_the_table_lets_it(rig, role):
    for name, row in ASKING.items():
        status = send(rig, name, session(rig, role)).status_code
        if Right(row[0]) not in RIGHTS[role]:
            assert status == 403, name
        else:
            assert status < 500, name
            assert status not in {401, 403} or name in WRONG_PASSWORD, name


@pytest.mark.parametrize("right", Right)
def test_a_token_gets_where_its_rights_let_it_and_never_where_a_person_is_asked_for(rig, right):
    headers = token(rig, "one", {right})
    for name, row in ASKING.items():
        status = send(rig, name, headers).status_code
        if row[0] == right.value and len(row) == 1:
            assert status not in {401, 403}, name
            assert status < 500, name
        else:
            assert status == 403, name


def test_a_change_without_the_token_of_its_page_is_refused_everywhere(rig):
    for name in ASKING:
        if name.split(" ")[0] not in SAFE:
            headers = session(rig, Role.ADMINISTRATOR)
            assert send(rig, name, {"cookie": headers["cookie"], "origin": HERE}).status_code == 403, name
            assert send(rig, name, headers | {"origin": "https://evil.example"}).status_code == 403, name


def test_looking_changes_nothing_anywhere(rig):
    headers = session(rig, Role.ADMINISTRATOR)
    before = rig.content()

    for name in ROWS:
        if name.startswith("GET ") and name not in EXPORTS:  # what is taken out is written down
            send(rig, name, headers)

    assert rig.content() == before


def test_what_asks_for_the_password_again_refuses_who_gave_it_long_ago(rig):
    headers = session(rig, Role.ADMINISTRATOR)
    rig.wait(601)

    for name, row in ASKING.items():
        if "fresh" in row:
            assert send(rig, name, headers).json()["title"] == "Confirm", name


def test_every_answer_carries_the_headers_that_keep_it_safe(rig):
    headers = session(rig, Role.ADMINISTRATOR)
    for name in ROWS:
        if name.startswith("GET "):
            answer = send(rig, name, headers).headers
            assert "frame-ancestors 'none'" in answer["content-security-policy"], name
            assert "unsafe" not in answer["content-security-policy"], name
            assert answer["x-content-type-options"] == "nosniff", name
            assert answer["cache-control"] == "no-store", name


# --- tokens -----------------------------------------------------------------------------------------


def api(rig: Rig, headers: dict[str, str]) -> int:
    return send(rig, "GET /api/v1/parked", headers).status_code


def test_a_token_works_until_it_expires(rig):
    headers = token(rig, "one", {Right.CONTACTS})
    rig.wait(89 * 86_400)
    assert api(rig, headers) == 200

    rig.wait(2 * 86_400)

    assert api(rig, headers) == 401


def test_a_revoked_token_works_no_more(rig):
    headers = token(rig, "one", {Right.CONTACTS})
    assert api(rig, headers) == 200

    tokens.revoke(rig.accounts, "test", "one")

    assert api(rig, headers) == 401


def test_a_token_never_may_more_than_who_made_it(rig):
    owner = rig.account("operator")
    secret = tokens.make(rig.accounts, "operator", Wanted("mine", ["contacts"], 90, owner.id), RIGHTS[owner.role])
    headers = {"authorization": f"Bearer {secret}"}
    assert api(rig, headers) == 200

    rig.accounts.change_role("test", "operator", Role.VIEWER)
    assert api(rig, headers) == 403
    rig.accounts.disable("test", "operator")
    assert api(rig, headers) == 401


def test_a_token_beside_a_session_is_what_counts(rig):
    both = session(rig, Role.ADMINISTRATOR) | token(rig, "one", {Right.HEALTH})

    assert api(rig, both) == 403
    assert api(rig, session(rig, Role.ADMINISTRATOR) | {"authorization": "Basic YTpi"}) == 401


def test_a_token_is_not_taken_from_an_address_or_a_cookie(rig):
    secret = token(rig, "one", {Right.CONTACTS})["authorization"].removeprefix("Bearer ")

    assert api(rig, {"cookie": f"{COOKIE}={secret}"}) == 401
    assert send(rig, f"GET /api/v1/parked?access_token={secret}", {}).status_code == 401
