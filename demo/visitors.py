"""Visitors of the website: they fill in the form page that `hub run` serves, over HTTP like any browser."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import httpx

from demo.cast import Cast
from demo.commands import Running
from demo.servers import ServerError

TAKEN_IN_SECONDS = 30.0


def first_visits(cast: Cast) -> list[Mapping[str, str]]:
    """Somebody known gives a new number, somebody new signs up, and a robot fills in what people do not see."""
    known, new = cast.everywhere, cast.newcomer
    return [
        {
            "given_name": known.given,
            "family_name": known.family,
            "emails": known.email,
            "phones": "91 355 5019",
        },
        {
            "given_name": new.given,
            "family_name": new.family,
            "emails": new.email,
            "phones": new.mobile,
            "newsletter": "yes",
        },
        {
            "given_name": "Cheap",
            "family_name": "Pills",
            "emails": "robot@example.com",
            "homepage": "https://example.com",
        },
    ]


def later_visits(cast: Cast) -> list[Mapping[str, str]]:
    """A customer signs up for the newsletter, and a member leaves it."""
    joins, leaves = cast.subscriber, cast.leaver
    return [
        {
            "given_name": joins.given,
            "family_name": joins.family,
            "emails": joins.email,
            "newsletter": "yes",
        },
        {
            "given_name": leaves.given,
            "family_name": leaves.family,
            "emails": leaves.email,
            "unsubscribe": "yes",
        },
    ]


def post(form: str, visits: Sequence[Mapping[str, str]]) -> list[int]:
    """The answers' status codes: 303 sends a browser to the page that says thanks."""
    with httpx.Client(trust_env=False, timeout=30, headers={"accept": "text/html"}) as browser:
        return [browser.post(form, data=dict(each)).status_code for each in visits]


def wait_until_taken_in(running: Running, metric: str, wanted: float, **labels: str) -> None:
    """`hub run` takes in what the form has got by itself, moments after it arrived."""
    until = time.monotonic() + TAKEN_IN_SECONDS
    while running.metric(metric, connection="website", **labels) < wanted:
        if time.monotonic() > until:
            raise ServerError(f"`hub run` did not take in the form's deliveries; see {running.folder}/hub-run.log")
        time.sleep(0.1)
