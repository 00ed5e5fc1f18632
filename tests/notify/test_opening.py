"""Receivers from the configuration: checked before anything starts, tried on request, private addresses refused."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from pathlib import Path

import pytest

from hub.config import load_config
from hub.errors import ConfigError
from hub.events.net import Outside
from hub.notify.opening import base_of, check_targets, reachable, receivers, send_test
from tests.canaries import canary
from tests.mail.server import certificate, running

SECRET = "whsec_" + base64.b64encode(canary("notices").encode()).decode()
YAML = """
web: {{url: https://hub.example.org}}
mail: {{host: 127.0.0.1, port: {port}, tls: none, from: hub@example.org}}
notifications:
  ops:
    mail: [ops@example.org]
    url: https://hooks.example.org/ops
    secrets: [env:OPS_HOOK]
    what: [failing, held]
    every: 1 hour
"""


@pytest.fixture
def configured(tmp_path, monkeypatch):
    monkeypatch.setenv("OPS_HOOK", SECRET)

    def make(text: str = YAML, port: int = 1):
        (tmp_path / "hub.yaml").write_text(text.format(port=port))
        return load_config(tmp_path)

    return make


def test_a_receiver_is_what_the_configuration_says(configured):
    config = configured()
    [ops] = receivers(config)

    assert (ops.mail, ops.limits.kinds, ops.policy.every) == (("ops@example.org",), {"failing", "held"}, 3600.0)
    assert base_of(config) == "https://hub.example.org"


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("    mail: [ops@example.org]\n    url: https://hooks.example.org/ops\n    secrets: [env:OPS_HOOK]\n", ""),
        ("https://hooks", "http://hooks"),
        ("    secrets: [env:OPS_HOOK]\n", ""),
        ("env:OPS_HOOK", SECRET),
        ("failing", "everything"),
        ("mail: {{host: 127.0.0.1, port: {port}, tls: none, from: hub@example.org}}", ""),
        ("ops@example.org", "nobody"),
    ],
)
def test_what_could_not_tell_anybody_is_refused(configured, was, now):
    assert was in YAML
    with pytest.raises(ConfigError):
        configured(YAML.replace(was, now))


def test_a_missing_secret_is_named_before_anything_starts(configured, monkeypatch):
    config = configured()
    monkeypatch.delenv("OPS_HOOK")

    with pytest.raises(ConfigError, match="env:OPS_HOOK"):
        receivers(config)


def test_a_test_goes_out_by_every_way_at_once(configured):
    class Hook:
        asked = 0

        def post(self, _url, _headers, body):
            self.asked += 1
            assert b"This is a test" in body
            return 204

    hook = Hook()
    with running() as server:
        config = configured(port=server.port)
        found = [tried for each in receivers(config) for tried in send_test(config, each, hook)]

    assert [(t.what, t.way, t.error) for t in found] == [
        ("notifications.ops", "webhook", None),
        ("notifications.ops", "mail", None),
    ]
    assert hook.asked == 1 and server.got[0]["subject"] == "Contact hub: a test"


def test_a_check_connects_and_sends_nothing(configured, tmp_path):
    with running() as server:
        config = configured(port=server.port)
        found = {tried.what: tried.error for tried in check_targets(config, Outside(resolve=lambda *_: ["10.0.0.1"]))}

    assert found["mail"] is None and server.got == []
    assert "none of the public network" in found["notifications.ops"]


def test_a_check_says_what_does_not_answer_and_which_secret_is_missing(configured, monkeypatch):
    config = configured()
    away = Outside(allowed=lambda _: True, resolve=lambda *_: ["127.0.0.1"])
    found = {tried.what: tried.error for tried in check_targets(config, away)}
    assert "does not answer" in found["notifications.ops"] and "does not answer" in found["mail"]

    monkeypatch.delenv("OPS_HOOK")
    assert "env:OPS_HOOK" in {t.what: t.error for t in check_targets(config, away)}["notifications.ops"]


def test_a_certificate_that_does_not_fit_is_seen(tmp_path):
    certificate(tmp_path, "hooks.example.org")
    with tls_server(tmp_path) as port:
        here = Outside(allowed=lambda _: True, resolve=lambda *_: ["127.0.0.1"])
        trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))

        assert reachable(f"https://hooks.example.org:{port}/ops", here, trust) is None
        assert "does not answer" in str(reachable(f"https://others.example.org:{port}/ops", here, trust))
        assert "does not answer" in str(reachable(f"https://hooks.example.org:{port}/ops", here))


class tls_server:
    """Shakes hands with whoever comes."""

    def __init__(self, folder: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._listening.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                incoming, _ = self._listening.accept()
            except OSError:
                return
            try:
                self._context.wrap_socket(incoming, server_side=True).close()
            except (OSError, ssl.SSLError):
                incoming.close()
