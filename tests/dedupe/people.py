"""Made-up records for the tests of matching."""

from hypothesis import strategies as st

from hub.dedupe.cluster import Member
from hub.dedupe.features import features


def fields(name="", mail="", phone="", born="", street="", town="", postcode="", **more):
    """Canonical fields; `name` is "Given|Family" when the source knows the parts."""
    found = dict(more)
    if "|" in name:
        found["given_name"], found["family_name"] = name.split("|")
    elif name:
        found["full_name"] = name
    found |= {f"emails/{address}": {} for address in mail.split()}
    found |= {f"phones/{number}": {"raw": number} for number in phone.split()}
    if born:
        found["birth_date"] = born
    if street or town or postcode:
        found["addresses/1"] = {"street": street, "locality": town, "postcode": postcode}
    return found


def member(ref, golden_id=None, **values):
    connection, _, external = ref.partition(":")
    return Member((connection, external), golden_id, features(fields(**values)))


names = st.sampled_from(
    [
        "Ana|Reis Couto",
        "Anna|Couto",
        "COUTO ANA",
        "Reis, Ana",
        "A. Couto",
        "Rui|Couto",
        "Rui Couto Jr",
        "COUTO JR ANA",
        "Ana|",
        "",
    ]
)
records = st.builds(
    fields,
    name=names,
    mail=st.sampled_from(
        [
            "",
            "ana.couto@example.org",
            "couto@example.org",
            "info@example.org",
            "ana.couto80@example.org",
            "anac55@example.net ana_1980@example.com",
            "familia.couto@example.org",
        ]
    ),
    phone=st.sampled_from(["", "+351912345678", "912345678", "+351966000111", "+351213344556", "000000000"]),
    born=st.sampled_from(["", "1980-05-01", "1980-01-05", "1955-03-03"]),
    street=st.sampled_from(["", "Rua Nova 1", "R. Nova, 1", "Rua Velha 2"]),
    postcode=st.sampled_from(["", "4000-001", "4000001"]),
    company=st.sampled_from(["", "Acorn Lda", "Acorn", "Oak GmbH"]),
    tax_id=st.sampled_from(["", "PT501442600", "501442600", "509888777"]),
)
