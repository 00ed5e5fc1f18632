"""Sealed texts: opened only unchanged, in their own place, under their own key."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.access.sealing import Unsealable, key_from_text, key_name, key_text, new_key, seal, unseal

KEY = new_key()
PLACE = "account/a1/totp"


@given(st.binary(max_size=200), st.text(max_size=40))
def test_what_was_sealed_is_opened(plain, place):
    assert unseal(KEY, seal(KEY, plain, place), place) == plain


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_a_flipped_bit_is_refused(at, bit):
    form, _, body = seal(KEY, b"a secret", PLACE).partition(".")
    raw = bytearray(base64.urlsafe_b64decode(body))
    raw[at % len(raw)] ^= 1 << bit

    with pytest.raises(Unsealable):
        unseal(KEY, f"{form}.{base64.urlsafe_b64encode(bytes(raw)).decode()}", PLACE)


def test_a_secret_in_another_place_is_refused():
    with pytest.raises(Unsealable):
        unseal(KEY, seal(KEY, b"a secret", PLACE), "account/a2/totp")


def test_another_key_opens_nothing():
    with pytest.raises(Unsealable):
        unseal(new_key(), seal(KEY, b"a secret", PLACE), PLACE)


@pytest.mark.parametrize(
    "text", ["", "1.", "1.@@", "2.AAAA", "plain", "1." + base64.urlsafe_b64encode(b"x" * 12).decode()]
)
def test_what_is_no_sealed_text_is_refused(text):
    with pytest.raises(Unsealable):
        unseal(KEY, text, PLACE)


def test_one_secret_is_sealed_differently_each_time():
    assert len({seal(KEY, b"a secret", PLACE) for _ in range(50)}) == 50


def test_a_sealed_text_does_not_hold_the_secret():
    text = seal(KEY, b"canary-canary", PLACE)

    assert b"canary" not in base64.urlsafe_b64decode(text.partition(".")[2])


def test_a_key_is_written_and_read():
    assert key_from_text(f" {key_text(KEY)}\n") == KEY
    with pytest.raises(ValueError, match="bytes instead of 32"):
        key_from_text(base64.b64encode(b"short").decode())
    with pytest.raises(ValueError, match="no base64"):
        key_from_text("#" * 44)


def test_the_name_of_a_key_tells_keys_apart():
    assert key_name(KEY) == key_name(bytes(KEY)) != key_name(new_key())
