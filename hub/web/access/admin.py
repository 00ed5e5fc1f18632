"""Pages of administrators: accounts, tokens, and the audit. What changes them asks for the password once more."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.access.rights import Actor, Right, Role
from hub.accounts import tokens
from hub.accounts.tokens import Wanted
from hub.store import access as db
from hub.store import audit
from hub.web.access.signin import Entry, Short
from hub.web.console.asked import LARGEST_NUMBER
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, missing, page
from hub.web.guard import needs

ROWS = 100  # of the audit on a page

Filter = Annotated[str, Query(max_length=200)]


def router(entry: Entry, console: Console) -> APIRouter:
    routes = APIRouter(prefix="/access", route_class=PageRoute)

    @routes.get("")
    def access(request: Request, actor: Actor = needs(Right.ACCESS, person=True)) -> Response:
        return _access(entry, console, request, actor)

    _add_accounts(routes, entry, console)
    _add_tokens(routes, entry, console)
    outer = APIRouter(route_class=PageRoute)
    outer.include_router(routes)
    _add_audit(outer, entry, console)
    return outer


def _access(
    entry: Entry, console: Console, request: Request, actor: Actor, *, code: str | None = None, token: str | None = None
) -> Response:
    """code, token: made a moment ago, and shown this once"""
    with entry.signin.store.read() as tx:
        accounts, made = db.accounts(tx), db.tokens(tx)
    texts: dict[str, Any] = {
        "accounts": accounts,
        "tokens": made,
        "roles": list(Role),
        "rights": sorted(right.value for right in _givable(actor)),
        "code": code,
        "token": token,
        "epoch": entry.signin.clock(),
    }
    answer = page(console, request, actor, "access.html", **texts)
    answer.headers["Referrer-Policy"] = "same-origin"  # who has to confirm comes back to this page
    return answer


def _givable(actor: Actor) -> frozenset[Right]:
    """A token never rules over accounts and tokens."""
    return actor.rights - {Right.ACCESS}


def _add_accounts(routes: APIRouter, entry: Entry, console: Console) -> None:
    @routes.post("/accounts")
    def add(
        request: Request,
        name: Short = "",
        role: Annotated[Role, Form()] = Role.VIEWER,
        actor: Actor = needs(Right.ACCESS, fresh=True),
    ) -> Response:
        return _access(entry, console, request, actor, code=entry.accounts.add(actor.name, name, role))

    @routes.post("/accounts/{account_id}/role")
    def change_role(
        request: Request,
        account_id: str,
        role: Annotated[Role, Form()],
        actor: Actor = needs(Right.ACCESS, fresh=True),
    ) -> Response:
        entry.accounts.change_role(actor.name, _name(entry, request, account_id), role)
        return RedirectResponse("/access", 303)

    @routes.post("/accounts/{account_id}/state")
    def change_state(
        request: Request,
        account_id: str,
        verdict: Annotated[Literal["disable", "enable", "sign out", "reset"], Form()],
        actor: Actor = needs(Right.ACCESS, fresh=True),
    ) -> Response:
        name, accounts = _name(entry, request, account_id), entry.accounts
        if verdict == "reset":
            return _access(entry, console, request, actor, code=accounts.reset(actor.name, name))
        if verdict == "sign out":
            accounts.sign_out(actor.name, name)
        else:
            (accounts.disable if verdict == "disable" else accounts.enable)(actor.name, name)
        return RedirectResponse("/access", 303)


def _name(entry: Entry, request: Request, account_id: str) -> str:
    with entry.signin.store.read() as tx:
        account = db.account(tx, account_id)
    if account is None:
        raise missing(request)
    return account.name


def _add_tokens(routes: APIRouter, entry: Entry, console: Console) -> None:
    @routes.post("/tokens")
    def make(
        request: Request,
        name: Short = "",
        rights: Annotated[tuple[str, ...], Form()] = (),
        days: Annotated[int, Form()] = 90,
        actor: Actor = needs(Right.ACCESS, fresh=True),
    ) -> Response:
        wanted = Wanted(name, rights, days, actor.id)
        made = tokens.make(entry.accounts, actor.name, wanted, _givable(actor))
        return _access(entry, console, request, actor, token=made)

    @routes.post("/tokens/revoke")
    def revoke(name: Short = "", actor: Actor = needs(Right.ACCESS, fresh=True)) -> Response:
        tokens.revoke(entry.accounts, actor.name, name)
        return RedirectResponse("/access", 303)


def _add_audit(routes: APIRouter, entry: Entry, console: Console) -> None:
    @routes.get("/audit")
    def rows(
        request: Request,
        who: Filter = "",
        action: Filter = "",
        subject: Filter = "",
        before: Annotated[int, Query(ge=0, le=LARGEST_NUMBER)] = 0,
        actor: Actor = needs(Right.AUDIT),
    ) -> Response:
        wanted = audit.Wanted(who or None, action or None, subject or None)
        with entry.signin.store.read() as tx:
            found, head = audit.rows(tx, wanted, ROWS + 1, before or None), audit.head(tx)
        more = found[ROWS - 1].number if len(found) > ROWS else None
        texts: dict[str, Any] = {
            "rows": found[:ROWS],
            "head": head,
            "more": more,
            "who": who,
            "action": action,
            "subject": subject,
        }
        return page(console, request, actor, "audit.html", **texts)
