"""The made-up people that matching is measured on."""

import csv
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from bench.dedupe.people import CONTACTS, TRUTH, write
from bench.matching import canonical
from hub.dedupe.features import features

COUNT = 3000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    write(COUNT, 7, folder)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_same_seed_makes_the_same_files(folder: Path, tmp_path: Path) -> None:
    write(COUNT, 7, tmp_path)

    for name in ("contacts.csv", "truth.csv"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_another_seed_makes_other_people(folder: Path, tmp_path: Path) -> None:
    write(COUNT, 8, tmp_path)

    assert (tmp_path / "contacts.csv").read_bytes() != (folder / "contacts.csv").read_bytes()


def test_contacts_and_truth_have_the_same_rows_and_no_key_comes_twice(folder: Path) -> None:
    contacts, truth = rows(folder / "contacts.csv"), rows(folder / "truth.csv")
    keys = [(row["system"], row["source_id"]) for row in contacts]

    assert list(contacts[0]) == list(CONTACTS)
    assert list(truth[0]) == list(TRUTH)
    assert keys == [(row["system"], row["source_id"]) for row in truth]
    assert len(set(keys)) == COUNT


def test_every_record_says_something_that_matching_can_use(folder: Path) -> None:
    for row in rows(folder / "contacts.csv"):
        looks = features(canonical(row))

        assert looks.name or looks.company or looks.emails or looks.phones, row


def test_all_traps_and_distortions_of_the_description_occur(folder: Path) -> None:
    truth = rows(folder / "truth.csv")
    traps = {group.partition(":")[0] for row in truth for group in row["trap_group"].split("|")} - {""}
    tags = Counter(tag for row in truth for tag in row["tags"].split("|"))

    assert traps == set("fatherson twin family_email shared_mobile landline switchboard org_and_staff branch".split())
    assert tags.keys() >= set(
        "typo nick xlang initial swap nofam married surname_part moved email_change mail_typo tel_typo dob_typo junk"
        " abbr upper translit mojibake nosuffix role_email".split()
    )


def test_those_of_one_trap_are_different_persons(folder: Path) -> None:
    groups = defaultdict(set)
    for row in rows(folder / "truth.csv"):
        for group in filter(None, row["trap_group"].split("|")):
            groups[group].add(row["person_id"])

    # some members have no record in so small a set; most groups have two people or more
    assert sum(len(people) > 1 for people in groups.values()) > len(groups) / 2


def test_an_organisation_has_no_name_of_a_person(folder: Path) -> None:
    contacts, truth = rows(folder / "contacts.csv"), rows(folder / "truth.csv")

    for row, known in zip(contacts, truth, strict=True):
        if known["person_id"].startswith("O"):
            assert not row["given_name"]
            assert row["company"]
