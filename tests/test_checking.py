"""What `hub check` finds out about one connection."""

import pytest
from pydantic import SecretStr

from hub.checking import check_connection
from hub.config import HubConfig
from hub.connectors.contract import Can, Connector, Report, Settings
from hub.errors import AccountError, ConfigError
from hub.model import Page, Record, Unreadable

ANN = Record("1", {"given_name": "Ann", "emails": "ann@example.org; nonsense", "shoe_size": 38})


class AcornSettings(Settings):
    secret: SecretStr | None = None


class Acorn(Connector):
    Settings = AcornSettings
    default_mapping = ""
    can = Can(changes=True, create=True)
    items: tuple = (ANN,)
    closed = False

    def check(self):
        self.context.closing.callback(self.close)
        return Report("Acorn 2", ("three books",), ("the key expires soon",), records=3)

    def pull(self, since):
        yield Page((), None)
        yield Page(self.items, None)
        raise AssertionError("one record is enough")

    def close(self):
        type(self).closed = True


class Closed(Acorn):
    def check(self):
        raise AccountError("The key was refused; nothing was read. Next: ask for a new one.")


class Torn(Acorn):
    items = (Unreadable("line 2", "has 3 columns instead of 4", "a;b;c"), ANN)


class Empty(Acorn):
    items = ()

    def pull(self, since):
        yield Page((), None)


class Renamed(Acorn):
    """Its mapping has three columns: `nachname` is misspelled, `email` is not in every record."""

    default_mapping = "fields: {given_name: vorname, family_name: Nachnahme, emails: email, phones: 'tels[].nr'}"
    items = (
        Record("1", {"vorname": "Ann", "nachname": "Lee", "tels": [{"no": "1"}]}),
        Record("2", {"vorname": "Bob", "nachname": "Lee", "tels": [], "email": None}),
        Record("3", {"vorname": "Eve", "nachname": "Lee", "tels": [{"no": "2"}], "email": None}),
    )


class Lost(Renamed):
    items = Renamed.items[:1]


class ByName(Acorn):
    """`emails` is the other name of the column `email`."""

    items = (Record("1", {"given_name": "Ann", "email": "ann@example.org"}),)


class Storeless(Acorn):
    def pull(self, since):
        raise ConfigError("needs the store")
        yield Page((), None)


TYPES = {
    "storeless": Storeless,
    "byname": ByName,
    "renamed": Renamed,
    "lost": Lost,
    "acorn": Acorn,
    "closed": Closed,
    "torn": Torn,
    "empty": Empty,
}


@pytest.fixture
def check():
    def run(type_: str, name: str = "erp", **settings):
        config = HubConfig.model_validate({"connections": {"erp": {"type": type_, **settings}}})
        return check_connection(config, name, types=TYPES)

    return run


def test_a_connection_that_works_says_what_it_is_and_can(check):
    finding = check("acorn", push=False)

    assert finding.error is None
    assert (finding.system, finding.records) == ("Acorn 2", 3)
    assert finding.can == Can(changes=True, create=True)
    assert finding.warnings == ("the key expires soon",)


def test_one_record_is_shown_before_and_after_mapping(check):
    rows = check("acorn").sample

    assert ("given_name", "Ann", "given_name", "Ann") in [(r.path, r.before, r.key, r.after) for r in rows]
    assert "emails/ann@example.org" in [row.key for row in rows]


def test_a_value_that_cannot_be_mapped_is_a_problem_that_does_not_show_it(check):
    (problem,) = check("acorn").problems
    assert problem.endswith("→ emails: not an email address")
    assert "nonsense" not in problem


def test_fields_that_nothing_reads_are_named(check):
    assert check("acorn").unmapped == ("shoe_size",)


def test_columns_of_the_mapping_that_no_record_has_are_a_warning_with_a_guess(check):
    assert check("renamed").warnings[1:] == (
        "the mapping names columns that the record does not have: Nachnahme, did you mean nachname?",
    )
    assert check("lost").warnings[1].endswith("Nachnahme, did you mean nachname?; email; tels[].nr")


def test_columns_that_map_by_their_names_need_not_be_there(check):
    assert check("acorn", push=False).warnings == ("the key expires soon",)


def test_what_has_no_column_is_a_warning_where_columns_go_by_name_and_are_written(check):
    (_, warning) = check("byname").warnings

    assert "what would go to additional_names, " in warning
    assert " phone, phones, " in warning
    assert "email" not in warning
    assert "given_name" not in warning
    assert "`push: false`" in warning
    assert len(check("byname", push=False).warnings) == 1


def test_a_refused_key_is_the_answer_and_no_crash(check):
    finding = check("closed")
    assert finding.error == "The key was refused; nothing was read. Next: ask for a new one."
    assert finding.sample == ()


def test_a_missing_secret_is_the_answer_too(check):
    assert "env:HUB_TEST_NOT_THERE is missing" in check("acorn", secret="env:HUB_TEST_NOT_THERE").error


def test_what_cannot_be_read_is_a_problem_with_its_place(check):
    assert "line 2: has 3 columns instead of 4" in check("torn").problems


def test_an_empty_system_has_no_sample_and_no_problem(check):
    finding = check("empty")
    assert (finding.sample, finding.problems, finding.error) == ((), (), None)


def test_a_connection_without_a_sample_is_usable_nevertheless(check):
    finding = check("storeless")
    assert finding.error is None
    assert finding.warnings[-1] == "no sample: needs the store"


def test_the_connection_is_closed_afterwards(check):
    Acorn.closed = False
    check("acorn")
    assert Acorn.closed


def test_a_wrong_name_suggests_the_right_one(check):
    with pytest.raises(ConfigError, match='Did you mean "erp"'):
        check("acorn", name="erpp")
