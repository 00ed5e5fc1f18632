"""What the sign-in uses, made from the configuration."""

from __future__ import annotations

from collections.abc import Callable

from hub.accounts.oidc import Oidc, Settings
from hub.accounts.people import Accounts
from hub.accounts.signin import SignIn, Times
from hub.config import HubConfig
from hub.secrets import resolve
from hub.store.db import Store
from hub.web.access.signin import Entry
from hub.web.access.steps import Steps

BACK = "/sign-in/oidc/back"


def open_entry(
    config: HubConfig,
    store: Store,
    clock: Callable[[], float],
    new_id: Callable[[str], str],
    later: Callable[[Callable[[], None]], object],
) -> Entry:
    """ConfigError when the master key is missing or open to others, or the client's secret is missing."""
    access = config.access
    times = Times(idle=access.idle.total_seconds(), longest=access.longest.total_seconds())
    steps = Steps(store, clock)
    steps.make_ready()
    return Entry(
        signin=SignIn(store, clock, times, later),
        accounts=Accounts(store, clock, new_id),
        steps=steps,
        oidc=_oidc(config, clock),
    )


def _oidc(config: HubConfig, clock: Callable[[], float]) -> Oidc | None:
    party = config.access.oidc
    if party is None:
        return None
    assert config.web.url is not None, "the configuration was judged"
    secret = resolve(party.client_secret, config.folder) if party.client_secret is not None else None
    settings = Settings(
        issuer=party.issuer,
        client_id=party.client_id,
        client_secret=secret,
        back=config.web.url + BACK,
        label=party.label,
        scopes=party.scopes,
        name_claim=party.name_claim,
        role_claim=party.role_claim,
        roles=party.roles,
    )
    return Oidc(settings, clock)
