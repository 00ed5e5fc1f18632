"""What a running hub counts: what its engine made, and what callers of its web server did, in one /metrics."""

import httpx
import pytest

from hub.sync.history import AT_THE_HUB
from tests.cli.hosted import COUNT, running, service
from tests.cli.test_run import eventually

__all__ = ["running", "service"]


@pytest.fixture
def token(hub):
    answer = hub("token", "new", "phone", "--right", "log", "--days", "1")
    assert answer.code == 0, answer.err
    return answer.out.strip()


def counted(running, line):
    """The number after a line of /metrics; None: the line is not there."""
    text = httpx.get(f"{running.host.web.url}/metrics").text
    return next((float(found.rpartition(" ")[2]) for found in text.splitlines() if found.startswith(line + " ")), None)


def call(running, token, key):
    return httpx.post(
        f"{running.host.web.url}/api/v1/interactions",
        headers={"authorization": f"Bearer {token}", "idempotency-key": key},
        json={"phone": "+351210000001", "kind": "call.answered", "channel": "call", "direction": "in"},
    )


def test_a_call_noted_over_http_is_counted_once(running, token):
    assert [call(running, token, key).status_code for key in ("call-0001", "call-0001", "call-0002")] == [201, 201, 201]
    assert counted(running, f'hub_interactions_total{{channel="call",connection="{AT_THE_HUB}"}}') == 2


def test_the_records_of_a_run_are_counted_where_the_calls_are(running):
    assert running.host.service.run_now("people", True, "ann")

    assert eventually(lambda: running.ended() == ["done"], 30)
    assert eventually(lambda: counted(running, 'hub_records_total{connection="people",outcome="pulled"}') == COUNT)
