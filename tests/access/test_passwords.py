"""Names, passwords and codes: what is taken, and what of it is kept."""

from __future__ import annotations

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.access import passwords
from hub.access.passwords import NotTaken

GOOD = ["many small boats at sea", "correct horse battery staple", "Zx9!kk-20-Qrt", "ção-água-três-pão"]


@pytest.mark.parametrize("password", GOOD)
def test_a_long_password_is_taken(password):
    passwords.judge_password(password, "ann")


@pytest.mark.parametrize(
    "password",
    ["", "short", "elevenchars", "password1234", "Passwort2026!", "p4ssw0rdp4ssw0rd", "ann.baker-2026", "abababababab"],
)
def test_what_everybody_tries_first_is_not_taken(password):
    with pytest.raises(NotTaken):
        passwords.judge_password(password, "ann.baker@example.org")


@pytest.mark.parametrize(
    ("typed", "name"), [("Ann", "ann"), (" ann.baker@example.org ", "ann.baker@example.org"), ("a1", "a1")]
)
def test_a_name_is_kept_in_small_letters(typed, name):
    assert passwords.account_name(typed) == name


@pytest.mark.parametrize("typed", ["", "a", "ann baker", "ann/..", "áne", "x" * 101, ".ann", "token:x"])
def test_what_is_no_name_is_not_taken(typed):
    with pytest.raises(NotTaken):
        passwords.account_name(typed)


def test_a_password_is_known_again_and_no_other_is():
    hashed = passwords.hash_password(GOOD[0])

    assert passwords.is_password(GOOD[0], hashed)
    assert not passwords.is_password(GOOD[1], hashed)
    assert not passwords.is_password(GOOD[0], None)
    assert not passwords.is_password(GOOD[0], "no hash")
    assert not passwords.is_weak(hashed)


def test_the_hash_is_argon2id_of_the_strength_that_is_asked_for():
    hashed = passwords.hash_password(GOOD[0])

    assert hashed.startswith(f"$argon2id$v=19$m={passwords.MEMORY},t={passwords.ROUNDS},p={passwords.LANES}$")
    assert passwords.hash_password(GOOD[0]) != hashed


def test_a_hash_made_with_less_is_known_as_weak():
    from argon2 import PasswordHasher

    assert passwords.is_weak(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD[0]))


def test_a_code_is_understood_however_it_is_typed():
    code = passwords.new_code()

    assert passwords.typed_code(code.upper().replace("-", " ")) == code
    assert passwords.typed_code(code.replace("1", "l").replace("0", "O")) == code
    assert len(code.replace("-", "")) * 5 >= 128


@given(st.text(max_size=60))
def test_whatever_is_typed_is_some_code(text):
    assert isinstance(passwords.typed_code(text), str)


def test_a_recovery_code_is_used_up():
    codes = passwords.recovery_codes()
    hashes = [passwords.secret_hash(code) for code in codes]

    left = passwords.used_up(hashes, codes[4])

    assert left is not None
    assert len(left) == 9
    assert passwords.used_up(left, codes[4]) is None
    assert passwords.used_up(hashes, "00000-00000-00000") is None


@given(st.integers(min_value=10**9, max_value=2 * 10**9), st.integers(min_value=-3, max_value=3))
def test_the_code_of_an_app_counts_one_step_before_and_after(now, away):
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    step = now // 30 + away

    found = passwords.totp_step(secret, pyotp.TOTP(secret).generate_otp(step), now, 0)

    if abs(away) <= 1:
        assert found is not None
    else:
        assert found in (None, now // 30 - 1, now // 30, now // 30 + 1)  # two steps may have one code by chance
    assert passwords.totp_step(secret, pyotp.TOTP(secret).generate_otp(step), now, now // 30 + 1) is None


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12 34 5x"])
def test_what_is_no_code_of_an_app_is_none(typed):
    assert passwords.totp_step(passwords.new_totp_secret(), typed, 1e9, 0) is None


def test_the_address_of_an_app_names_the_account():
    address = passwords.totp_address(passwords.new_totp_secret(), "ann@example.org", "contact hub")

    assert address.startswith("otpauth://totp/")
    assert "ann%40example.org" in address
