"""Secrets are looked up by reference and shown by nobody."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from hub import secrets
from hub.errors import ConfigError
from tests.canaries import canary

SECRET = canary("secrets") + " & s0ns"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "shop").write_text(SECRET + "\n")
    (tmp_path / "secrets" / "shop").chmod(0o600)
    return tmp_path


def test_a_file_reference_is_read_from_the_configurations_folder(folder):
    assert secrets.resolve("file:secrets/shop", folder) == SECRET


def test_an_env_reference_is_read_from_the_environment(folder, monkeypatch):
    monkeypatch.setenv("SHOP_KEY", SECRET)
    assert secrets.resolve("env:SHOP_KEY", folder) == SECRET


@pytest.mark.parametrize("reference", ["env:HUB_TEST_NOT_THERE", "file:secrets/none", "file:secrets"])
def test_a_missing_secret_is_named_by_its_reference(folder, reference):
    with pytest.raises(ConfigError, match=reference):
        secrets.resolve(reference, folder)


def test_an_empty_secret_is_missing(folder):
    (folder / "empty").write_text("\n")
    with pytest.raises(ConfigError, match="file:empty is empty"):
        secrets.resolve("file:empty", folder)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a\x00b", b"x" * (secrets.LONGEST + 1)])
def test_a_file_that_holds_no_text_secret_is_refused(folder, content):
    (folder / "odd").write_bytes(content)
    with pytest.raises(ConfigError, match="file:odd is no"):
        secrets.resolve("file:odd", folder)


@given(st.text())
def test_what_is_no_reference_is_refused_without_being_shown(text):
    if secrets.is_reference(text):
        return
    with pytest.raises(ConfigError) as caught:
        secrets.resolve(text, secrets.Path("/nonexistent"))
    assert len(text) < 8 or text not in str(caught.value)


def test_a_secret_inside_an_address_is_quoted_so_that_the_address_stays_whole(folder):
    (folder / "secrets" / "shop").write_text("p@ss/w:rd?#%\n")

    url = secrets.expand("mysql+pymysql://shop:${file:secrets/shop}@127.0.0.1:3306/shop?charset=latin1", folder)

    parsed = make_url(url)
    assert parsed.password == "p@ss/w:rd?#%"
    assert (parsed.host, parsed.port, parsed.database) == ("127.0.0.1", 3306, "shop")


def test_a_reference_that_is_host_and_port_is_not_quoted(folder, monkeypatch):
    monkeypatch.setenv("SHOP_HOST", "127.0.0.1:3306")
    assert secrets.expand("http://${env:SHOP_HOST}/api", folder) == "http://127.0.0.1:3306/api"


def test_a_text_that_is_no_address_takes_the_secret_as_it_is(folder):
    assert secrets.expand("Bearer ${file:secrets/shop}", folder) == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("url", "literal"),
    [
        ("mysql://shop:hunter2@127.0.0.1/shop", True),
        ("mysql://shop:${env:PASSWORD}@127.0.0.1/shop", False),
        ("mysql://shop:x${env:PASSWORD}@127.0.0.1/shop", True),
        ("mysql://shop@127.0.0.1/shop", False),
        ("sqlite:///data/hub.db", False),
        ("https://example.org/contacts?token=abc", True),
        ("https://example.org/contacts?token=${file:token}", False),
        ("https://example.org/contacts?page=1", False),
        ("http://127.0.0.1:8080/a@b", False),
    ],
)
def test_a_password_that_stands_in_an_address_is_noticed(url, literal):
    assert secrets.holds_literal_secret(url) is literal


def test_every_secret_looked_up_is_left_out_of_logs(folder):
    secrets.resolve("file:secrets/shop", folder)

    assert SECRET in secrets.revealed()
    assert secrets.redact(f"login failed for {SECRET}!") == "login failed for ***!"


def test_the_quoted_form_is_left_out_too(folder):
    (folder / "secrets" / "shop").write_text("sl/ash&amp")
    secrets.expand("http://u:${file:secrets/shop}@127.0.0.1/", folder)

    assert "sl" not in secrets.redact("GET http://u:sl%2Fash%26amp@127.0.0.1/")


def test_a_file_that_every_user_can_read_is_warned_of_once(folder, caplog):
    path = folder / "secrets" / "shop"
    path.chmod(0o644)

    with caplog.at_level(logging.WARNING):
        secrets.resolve("file:secrets/shop", folder)
        secrets.resolve("file:secrets/shop", folder)

    assert [record.getMessage() for record in caplog.records] == [
        f"every user can read the secret file {path}; run: chmod 600 {path}"
    ]
    assert list(secrets.read_by_everybody("file:secrets/shop", folder)) == ["file:secrets/shop"]
