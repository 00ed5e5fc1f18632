"""Signatures: every published vector, and nothing but them, gets in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.web.signatures import (
    WINDOW_SECONDS,
    Forged,
    Headers,
    PlainHmac,
    Standard,
    match,
    plain_keys,
    standard_keys,
)
from tests.web.intake_rig import KEY, NOW, OLD_KEY, OLD_SECRET, SECRET, signed

SHARED = Path(__file__).resolve().parents[3] / "shared/specs/webhook-signature-vectors.json"
PUBLISHED_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT = NOW.timestamp()
PLAIN = {  # vectors that sign the body alone, and how each writes its signature
    "typeform": ("Typeform-Signature", "base64", "sha256="),
    "tally": ("Tally-Signature", "base64", ""),
    "frappe": ("X-Frappe-Webhook-Signature", "base64", ""),
    "mautic": ("Webhook-Signature", "base64", ""),
    "meta": ("X-Hub-Signature-256", "hex", "sha256="),
}


def headers(values: dict[str, str] | Sequence[tuple[str, str]]) -> Headers:
    pairs = list(values.items()) if isinstance(values, dict) else list(values)
    return lambda name: [value for key, value in pairs if key.lower() == name.lower()]


def shared_vectors() -> dict[str, Any]:
    if not SHARED.exists():
        pytest.skip("the collection of signature vectors is not beside this repository")
    return {vector["name"]: vector for vector in json.loads(SHARED.read_text("utf-8"))["vectors"]}


def test_the_published_standard_webhooks_example_is_accepted():
    verifier = Standard(standard_keys([PUBLISHED_SECRET], "website"))
    sent = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    assert verifier.verify(headers(sent), b'{"test": 2432232314}', 1614265330) == sent["webhook-id"]


def test_the_shared_standard_webhooks_vector_is_accepted():
    vector = shared_vectors()["standard_webhooks"]
    verifier = Standard(standard_keys([vector["secret"]], "website"))
    sent = vector["request"]["headers"] | vector["expected"]

    delivery = verifier.verify(headers(sent), vector["request"]["body"].encode(), 1614265330)

    assert delivery == sent["webhook-id"]


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_every_shared_vector_that_signs_the_body_is_accepted_and_any_other_body_refused(name):
    vector = shared_vectors()[name]
    header, encoding, prefix = PLAIN[name]
    verifier = PlainHmac(plain_keys([vector["secret"]], "website"), header, encoding, prefix)
    body = vector["request"]["body"].encode()

    assert verifier.verify(headers(vector["expected"]), body, AT) is None
    with pytest.raises(Forged):
        verifier.verify(headers(vector["expected"]), body + b" ", AT)


def test_each_of_several_secrets_is_accepted_while_they_rotate():
    verifier = Standard(standard_keys([SECRET, OLD_SECRET], "website"))

    for key in (KEY, OLD_KEY):
        assert verifier.verify(headers(signed(b"{}", key=key)), b"{}", AT) == "msg_1"


def test_one_good_signature_among_several_is_enough():
    sent = signed(b"{}")
    sent["webhook-signature"] = f"v1a,bm8= v1,bm8= {sent['webhook-signature']}"

    assert Standard((KEY,)).verify(headers(sent), b"{}", AT) == "msg_1"


@pytest.mark.parametrize("offset", [-WINDOW_SECONDS - 1, WINDOW_SECONDS + 1])
def test_a_delivery_outside_the_window_is_refused(offset):
    with pytest.raises(Forged):
        Standard((KEY,)).verify(headers(signed(b"{}", at=AT + offset)), b"{}", AT)


@pytest.mark.parametrize("offset", [-WINDOW_SECONDS, WINDOW_SECONDS])
def test_a_delivery_at_the_edge_of_the_window_is_accepted(offset):
    assert Standard((KEY,)).verify(headers(signed(b"{}", at=AT + offset)), b"{}", AT) == "msg_1"


@pytest.mark.parametrize("timestamp", ["1e9", "١٧", "+1763726400", "1763726400.0", "", "9" * 40, "-1"])
def test_a_timestamp_that_is_not_plain_digits_is_refused_though_signed(timestamp):
    with pytest.raises(Forged):
        Standard((KEY,)).verify(headers(signed(b"{}", at=timestamp)), b"{}", AT)


def test_an_id_with_a_full_stop_is_refused_as_it_could_move_the_border_of_what_is_signed():
    with pytest.raises(Forged):
        Standard((KEY,)).verify(headers(signed(b"{}", delivery_id="msg.1")), b"{}", AT)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_or_comes_twice_is_refused(name):
    sent = signed(b"{}")
    without = {key: value for key, value in sent.items() if key != name}
    doubled = [*sent.items(), (name, sent[name])]

    for pairs in (without, doubled):
        with pytest.raises(Forged):
            Standard((KEY,)).verify(headers(pairs), b"{}", AT)


@given(
    delivery=st.text(max_size=300),
    timestamp=st.one_of(st.just(str(int(AT))), st.text(max_size=20)),
    signature=st.one_of(
        st.text(max_size=200), st.binary(max_size=64).map(lambda b: "v1," + base64.b64encode(b).decode())
    ),
    body=st.binary(max_size=200),
)
def test_whatever_is_written_into_the_headers_is_refused_in_one_way(delivery, timestamp, signature, body):
    sent = {"webhook-id": delivery, "webhook-timestamp": timestamp, "webhook-signature": signature}

    with pytest.raises(Forged):
        Standard((KEY,)).verify(headers(sent), body, AT)


@given(
    signature=st.text(max_size=200),
    encoding=st.sampled_from(["hex", "base64"]),
    prefix=st.sampled_from(["", "sha256="]),
)
def test_whatever_is_written_into_a_plain_signature_is_refused_in_one_way(signature, encoding, prefix):
    with pytest.raises(Forged):
        PlainHmac((KEY,), "X-Signature", encoding, prefix).verify(headers({"x-signature": signature}), b"{}", AT)


@given(body=st.binary(max_size=200), change=st.integers(0, 7), at=st.integers(0, 10_000))
def test_a_body_with_one_bit_changed_is_refused(body, change, at):
    sent = signed(body + b"!")
    forged = bytearray(body + b"!")
    forged[at % len(forged)] ^= 1 << change

    with pytest.raises(Forged):
        Standard((KEY,)).verify(headers(sent), bytes(forged), AT)


def test_a_timestamp_header_is_signed_and_has_to_be_fresh():
    verifier = PlainHmac(
        (KEY,), "X-Signature", signed="v0:{timestamp}:{body}", timestamp_header="X-Time", encoding="hex"
    )
    digest = hmac.new(KEY, f"v0:{int(AT)}:".encode() + b"{body}", hashlib.sha256).hexdigest()
    sent = {"x-time": str(int(AT)), "x-signature": digest.upper()}

    assert verifier.verify(headers(sent), b"{body}", AT) is None
    with pytest.raises(Forged):
        verifier.verify(headers(sent), b"{body}", AT + WINDOW_SECONDS + 1)
    with pytest.raises(Forged):
        verifier.verify(headers(sent | {"x-time": str(int(AT) + 1)}), b"{body}", AT)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_***", "short", "whsec_c2hvcnQ=", ""])
def test_a_secret_that_is_no_key_is_a_configuration_error_that_does_not_show_it(secret):
    with pytest.raises(ConfigError) as caught:
        standard_keys([secret], "website")

    assert "website" in str(caught.value)
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(caught.value)


def test_a_plain_secret_that_anybody_could_guess_is_a_configuration_error():
    with pytest.raises(ConfigError, match="website"):
        plain_keys(["secret"], "website")


def test_a_verifier_does_not_show_its_keys():
    assert str(KEY) not in repr(Standard((KEY,))) + repr(PlainHmac((KEY,), "X-Signature"))


class Untouchable(bytes):
    """Compared by nothing that stops at the first difference."""

    __hash__ = bytes.__hash__

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared by ==")


def test_signatures_are_compared_in_constant_time_and_every_one_of_them():
    wanted, other = Untouchable(b"a" * 44), Untouchable(b"b" * 44)

    match([wanted, other], [other, wanted])
    with pytest.raises(Forged):
        match([wanted], [other, Untouchable(b"a" * 43)])
