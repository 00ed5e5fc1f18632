"""A configuration either means something or says, line by line, what is wrong with it."""

from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr

from hub.config import HubConfig, load_config, open_secret_files, open_settings, store_url
from hub.config.schema import hub_schema
from hub.config.values import parse_limit, parse_schedule, say_limit
from hub.connectors.contract import Can, Connector, Report, Settings
from hub.document import DEEPEST, parse_document
from hub.durations import parse_duration, say_duration
from hub.errors import ConfigError
from hub.sync.guard import Limit, Limits


class Login(Settings):
    user: str = "hub"
    password: SecretStr | None = None


class AcornSettings(Settings):
    """A made-up system."""

    url: str
    secret: SecretStr | None = None
    keys: tuple[str, ...] = Field(default=(), repr=False)
    login: Login | None = None
    page_size: int = Field(default=100, ge=1, le=200)


class Acorn(Connector):
    Settings = AcornSettings
    default_mapping = ""
    can = Can()

    def check(self):
        return Report("acorn")

    def pull(self, since):
        yield from ()


TYPES = {"acorn": Acorn}
WHOLE = """\
    store: sqlite:///data/hub.db
    default_region: NO
    connections:
      erp:
        type: acorn
        url: http://127.0.0.1:8000
        secret: env:ERP_KEY
        schedule: every 5 minutes
        limits: {deletes: 5% or 20, creates: none}
        full_every: 2 days
        push: updates
      shop:
        type: acorn
        url: mysql://shop:${file:secrets/shop}@127.0.0.1/shop
        schedule: "*/15 7-19 * * mon-fri"
        zone: Europe/Lisbon
        deletes: propagate
    golden:
      rules:
        tax_id: [erp, shop]
        addresses: latest
"""


@pytest.fixture
def read(tmp_path):
    """Reads a text as DIR/config/hub.yaml."""
    folder = tmp_path / "config"
    folder.mkdir()

    def load(text: str) -> HubConfig:
        (folder / "hub.yaml").write_text(dedent(text))
        return load_config(folder, TYPES)

    return load


@pytest.fixture
def mistakes(read):
    """The lines of a refusal, each from the file's name on."""

    def lines(text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(text)
        return [line.split("/config/", 1)[1] for line in str(caught.value).splitlines()[1:-1]]

    return lines


def connection(*lines: str) -> str:
    return "connections:\n  erp:\n    type: acorn\n" + "".join(f"    {line}\n" for line in lines)


# --- what is right ------------------------------------------------------------------------------------


def test_a_configuration_is_read_with_defaults_for_nearly_all(read):
    config = read(WHOLE)

    erp, shop = config.connections["erp"], config.connections["shop"]
    assert config.default_region == "NO"
    assert erp.schedule.every == timedelta(minutes=5)
    assert erp.full_every == timedelta(days=2)
    assert (erp.push, erp.deletes, erp.enabled, erp.zone) == ("updates", "keep", True, "UTC")
    assert erp.hold_limits == Limits(creates=Limit(None, None), deletes=Limit(0.05, 20))
    assert dict(shop.schedule.cron)["day_of_week"] == "mon,tue,wed,thu,fri"
    assert shop.hold_limits == Limits()
    assert config.golden.rules == {"tax_id": ("erp", "shop"), "addresses": "latest"}


def test_an_empty_configuration_is_a_hub_without_connections(read):
    assert read("# nothing yet\n").connections == {}


def test_an_anchor_saves_repeating_keys(read):
    config = read(
        """\
        connections:
          one: &base {type: acorn, url: "http://127.0.0.1", push: false}
          two: {<<: *base, push: true}
        """
    )
    assert config.connections["one"].push is False
    assert config.connections["two"].push is True
    assert config.connections["two"].settings == {"url": "http://127.0.0.1"}


def test_a_relative_store_stands_beside_the_configurations_folder(read, tmp_path):
    assert store_url(read("store: sqlite:///data/hub.db")) == f"sqlite:///{tmp_path}/data/hub.db"
    assert store_url(read("store: sqlite:////srv/hub.db")) == "sqlite:////srv/hub.db"


# --- secrets --------------------------------------------------------------------------------------------


def test_secrets_are_looked_up_when_a_connection_is_opened_and_not_before(read, tmp_path, monkeypatch):
    config = read(WHOLE)
    monkeypatch.setenv("ERP_KEY", "hunter2")
    (tmp_path / "config" / "secrets").mkdir()
    (tmp_path / "config" / "secrets" / "shop").write_text("pass/word\n")

    assert open_settings(config, "erp", TYPES).secret.get_secret_value() == "hunter2"
    assert open_settings(config, "shop", TYPES).url == "mysql://shop:pass%2Fword@127.0.0.1/shop"


def test_secrets_deep_in_the_settings_are_looked_up_too(read, monkeypatch):
    monkeypatch.setenv("DEEP", "hunter2")
    config = read(connection("url: x", "login: {password: env:DEEP}", "keys: [env:DEEP]"))

    settings = open_settings(config, "erp", TYPES)
    assert settings.login.password.get_secret_value() == "hunter2"
    assert settings.keys == ("hunter2",)


def test_a_missing_secret_names_the_connection_and_the_reference(read, monkeypatch):
    monkeypatch.delenv("ERP_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"connection erp was not opened.*env:ERP_KEY is missing"):
        open_settings(read(WHOLE), "erp", TYPES)


@pytest.mark.parametrize(
    "line",
    [
        "secret: hunter2",
        "secret: 22222222",
        "login: {password: hunter2}",
        "keys: [env:ONE, hunter2]",
        "secrte: hunter2",
        "page_size: http://u:hunter2@127.0.0.1",
        "keys: {hunter2: hunter2}",
        "login: {password: [hunter2]}",
        "url: mysql://shop:hunter2@127.0.0.1/shop",
        "limits: {deletes: 'http://u:hunter2@127.0.0.1'}",
    ],
)
def test_a_secret_that_stands_in_the_file_is_refused_and_never_shown(mistakes, line):
    found = mistakes(connection(*(["url: x"] if not line.startswith("url") else []), line))

    assert found
    assert not any("hunter2" in text.split(": ", 2)[-1] or "22222222" in text for text in found)


def test_the_configuration_can_be_shown_since_it_holds_no_secret(read, monkeypatch):
    monkeypatch.setenv("ERP_KEY", "hunter2")
    config = read(WHOLE)
    open_settings(config, "erp", TYPES)

    assert "hunter2" not in repr(config) + config.model_dump_json()
    assert "env:ERP_KEY" in config.model_dump_json()


def test_opened_settings_mask_their_secrets(read, monkeypatch):
    monkeypatch.setenv("ERP_KEY", "hunter2")
    assert "hunter2" not in repr(open_settings(read(WHOLE), "erp", TYPES))


def test_a_value_that_is_wrong_once_filled_in_is_not_shown(read, monkeypatch):
    monkeypatch.setenv("SIZE", "hunter2")
    config = read(connection("url: x", "page_size: ${env:SIZE}"))

    with pytest.raises(ConfigError, match="page_size") as caught:
        open_settings(config, "erp", TYPES)
    assert "hunter2" not in str(caught.value)


def test_secret_files_that_everybody_can_read_are_listed(read, tmp_path):
    config = read(WHOLE)
    (tmp_path / "config" / "secrets").mkdir()
    path = tmp_path / "config" / "secrets" / "shop"
    path.write_text("x")
    path.chmod(0o644)

    assert open_secret_files(config) == ["file:secrets/shop"]


# --- what is wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("schedul: every 5 minutes", 'erp.schedul: there is no such key. Did you mean "schedule"?'),
        ("page_siz: 5", 'erp.page_siz: there is no such key. Did you mean "page_size"?'),
        ("login: {usr: x}", 'erp.login.usr: there is no such key. Did you mean "user"?'),
        ("deletes: remove", 'erp.deletes: found "remove"; allowed: "keep", "archive", "propagate".'),
        ("push: update", 'erp.push: found "update"; allowed: true, false, "updates".'),
        ("page_size: many", 'erp.page_size: found "many"; allowed: a whole number'),
        ("page_size: 201", "erp.page_size: found 201; input should be less than or equal to 200"),
        ("schedule: every 5 minits", 'erp.schedule: found "every 5 minits"; the unit is not known'),
        ("schedule: sometimes", 'erp.schedule: found "sometimes"; allowed: "every 5 minutes", five cron'),
        ("schedule: '0 25 * * *'", 'erp.schedule: found "0 25 * * *"; cron field hour: allowed are * and'),
        ("schedule: '0 0 1 * mon'", "give a day of the month or a weekday, not both"),
        ("zone: Europe/Lisbonn", 'this time zone is not known; allowed: names such as "Europe/Lisbon"'),
        ("limits: {deletes: 120%}", 'erp.limits.deletes: found "120%"; allowed: a number, a share ("10%")'),
        ("full_every: daily", 'erp.full_every: found "daily"; allowed: a number and a unit'),
        ("type: acron", 'erp.type: the key is given twice (first in line 3)'),
        ("mapping: mappings/erp.yaml", "erp.mapping: there is no file"),
        ("url: http://${nothing}/", "erp.url: a ${…} is not a reference; allowed: ${env:NAME} or"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_line_key_what_was_found_and_what_is_allowed(mistakes, line, said):
    url = [] if line.startswith("url") else ["url: http://127.0.0.1"]
    found = [text for text in mistakes(connection(line, *url)) if not text.endswith("is missing")]

    assert len(found) == 1
    assert found[0].startswith("hub.yaml:4: connections.erp.")
    assert said in found[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "hub.yaml:1: allowed at the top: keys such as store and connections"),
        ("5: x", "hub.yaml:1: [5]: found 5"),
        ("connections: []", "hub.yaml:1: connections: found a list; allowed: a group of keys"),
        ("connections: {erp: null}", "hub.yaml:1: connections.erp: found nothing; allowed: a group of keys"),
        ("connections: {erp: {type: 5}}", "hub.yaml:1: connections.erp.type: found 5; allowed: a text"),
        ("golden: {rules: [a]}", "hub.yaml:1: golden.rules: found a list; allowed: a group of keys"),
        ("golden: {rules: {tax_id: union}}", "tax_id: the rule union is for addresses only"),
        ("golden: {rules: {tax_id: []}}", "hub.yaml:1: golden.rules.tax_id: found a list; allowed: latest"),
        ("golden: {empty_wins: [emale]}", 'there is no such field. Did you mean "emails"?'),
        ("web: {host: 5}", "hub.yaml:1: web.host: found 5; allowed: a text"),
        ("store: 5", "hub.yaml:1: store: found 5; allowed: a text"),
    ],
)
def test_a_value_of_the_wrong_shape_is_a_mistake_and_no_crash(mistakes, text, said):
    (found,) = mistakes(text + "\n")
    assert said in found


@pytest.mark.parametrize(
    ("region", "meant"), [("UK", "GB"), ("Portugal", "PT"), ("pt", "PT"), ("POL", "PL"), ("XX", ""), ("''", "")]
)
def test_a_country_that_is_none_is_refused_with_the_one_that_is_meant(mistakes, region, meant):
    (found,) = mistakes(f"default_region: {region}\n")

    assert 'allowed: two capital letters of ISO 3166, such as "PT".' in found
    assert (f'Did you mean "{meant}"?' in found) is bool(meant)


@pytest.mark.parametrize("region", ["PT", "GB", "NO", "ES", "PL", "US", "CH", "AO", "BR", "XK"])
def test_a_country_is_taken_by_its_code(read, region):
    assert read(f"default_region: {region}\n").default_region == region


def test_all_mistakes_of_a_file_are_told_at_once_in_the_order_of_its_lines(mistakes):
    found = mistakes(
        """\
        stor: sqlite:///x.db
        default_region: Norway
        connections:
          erp: {type: acron}
          shop: {url: x, page_size: 0, deletes: never}
          Shop 2: {type: acorn, url: x}
          list: [a]
        golden:
          rules:
            tax_id: [erp, shopp]
            emale: latest
            tax_idd: union
            consents: latest
        web: {port: 99999}
        """
    )
    lines = [int(text.split(":")[1]) for text in found]
    assert lines == sorted(lines)
    assert set(lines) == {1, 2, 4, 5, 6, 7, 10, 11, 12, 13, 14}


def test_a_missing_key_is_told_at_its_connection(mistakes):
    assert mistakes(connection("enabled: true")) == ["hub.yaml:2: connections.erp.url: is missing"]


def test_an_unknown_type_names_the_installed_ones(mistakes):
    found = mistakes("connections:\n  erp: {type: acron}\n")
    assert found == [
        'hub.yaml:2: connections.erp.type: there is no type "acron". Did you mean "acorn"? Installed: acorn.'
    ]


@pytest.mark.parametrize("store", ["mysql://127.0.0.1/hub", "hub.db", "postgresql+psycopg://hub:pw@db/hub"])
def test_a_store_that_cannot_be_is_refused(mistakes, store):
    (found,) = mistakes(f"store: {store}\n")
    assert found.startswith("hub.yaml:1: store: ")
    assert ":pw@" not in found


def test_a_folder_without_configuration_says_how_to_begin(tmp_path):
    with pytest.raises(ConfigError, match="hub init"):
        load_config(tmp_path, TYPES)


# --- YAML -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", "f:2: a: the key is given twice (first in line 1)"),
        ("a: !!python/object/apply:os.system [id]\n", "f:1: a: the tag"),
        ("a: !acorn x\n", 'f:1: a: the tag "!acorn" is not allowed'),
        ("a: [1, 2\n", "f:2: not YAML"),
        ("a:\n\t- b\n", "f:2: not YAML"),
        ("a: *nowhere\n", "f:1: not YAML"),
        ("? [a, b]\n: c\n", "f:1: a key must be a text"),
        ("a: 1\n---\nb: 2\n", "f:2: not YAML"),
        ("a: x\x00y\n", "f: not YAML: a character that is not allowed"),
        (
            "a: " + "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
            f"f:1: not YAML: nested deeper than {DEEPEST} levels",
        ),
        ("a: &a [*a]\n", "aliases make this file too big or endless"),
    ],
)
def test_a_file_that_is_no_plain_yaml_is_refused_with_the_line(text, said):
    with pytest.raises(ConfigError) as caught:
        parse_document(text, "f")
    assert said in str(caught.value)


def test_aliases_cannot_make_a_small_file_a_big_value():
    layers = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(ConfigError, match="too big"):
        parse_document(f"a0: &a0 [x]\n{layers}", "f")


def test_only_true_and_false_are_booleans_and_dates_stay_texts():
    data = parse_document("{a: NO, b: on, c: 12:30, d: 2026-11-21, e: 007, 1: 1, NO: true}", "f").data
    assert data == {"a": "NO", "b": "on", "c": "12:30", "d": "2026-11-21", "e": "007", 1: 1, "NO": True}


def test_a_file_that_is_not_utf8_names_the_line(tmp_path):
    (tmp_path / "hub.yaml").write_bytes(b"store: x\nzone: \xe9\n")
    with pytest.raises(ConfigError, match=r"hub\.yaml:2: not UTF-8"):
        load_config(tmp_path, TYPES)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    try:
        parse_document(text, "f")
    except ConfigError as err:
        assert str(err)


# --- small values ---------------------------------------------------------------------------------------


@given(st.integers(1, 10**7))
def test_a_duration_is_read_back_as_it_is_said(seconds):
    length = timedelta(seconds=seconds)
    assert parse_duration(say_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1 day 12 hours", 129_600), ("5 minutes", 300), ("1.5 h", 5400)]
)
def test_durations_are_written_as_people_write_them(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "minutes", "5 lightyears", "0 seconds", "-5 minutes", "5 minutes ago", "99999 weeks"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"allowed|must be"):
        parse_duration(text)


@given(st.none() | st.integers(0, 100), st.none() | st.integers(0, 10**6))
def test_a_limit_is_read_back_as_it_is_said(percent, number):
    limit = Limit(None if percent is None else percent / 100, number)
    assert parse_limit(say_limit(limit)) == limit


@pytest.mark.parametrize("value", [True, -1, 1.5, "", "ten", "10% and 100", "%", None, ["1"]])
def test_what_is_no_limit_is_refused(value):
    with pytest.raises(ValueError, match="allowed"):
        parse_limit(value)


@pytest.mark.parametrize(
    ("text", "weekdays"),
    [
        ("0 0 * * 0", "sun"),
        ("0 0 * * 7", "sun"),
        ("0 0 * * 1-5", "mon,tue,wed,thu,fri"),
        ("0 0 * * fri-sun", "sun,fri,sat"),
        ("0 0 * * */2", "sun,tue,thu,sat"),
        ("0 0 * * mon,wed", "mon,wed"),
        ("0 0 * * *", "*"),
    ],
)
def test_weekdays_of_cron_are_named_since_schedulers_number_them_differently(text, weekdays):
    assert dict(parse_schedule(text).cron)["day_of_week"] == weekdays


def test_months_may_be_named():
    assert dict(parse_schedule("30 2 1 jan-mar *").cron)["month"] == "1-3"


def test_a_schedule_may_be_by_hand_only():
    assert parse_schedule("manual").is_manual
    assert not parse_schedule("every hour").is_manual


@given(st.text(alphabet="0123456789*/,- abcmonfri", max_size=20))
def test_any_schedule_is_read_or_refused(text):
    try:
        schedule = parse_schedule(text)
    except ValueError as err:
        assert str(err)
    else:
        assert parse_schedule(str(schedule)) == schedule


# --- the schema for editors -----------------------------------------------------------------------------


def test_the_schema_knows_the_keys_of_every_type_and_asks_for_references():
    schema = hub_schema(TYPES)

    acorn = schema["$defs"]["acorn"]
    assert acorn["additionalProperties"] is False
    assert {"type", "url", "schedule", "limits", "page_size"} <= set(acorn["properties"])
    assert acorn["required"] == ["type", "url"]
    assert acorn["properties"]["type"]["const"] == "acorn"
    assert "env:" in str(acorn["properties"]["secret"])
    assert "settings" not in acorn["properties"]


def test_every_reference_of_the_schema_leads_somewhere():
    schema = hub_schema(TYPES)

    def walk(part):
        if isinstance(part, dict):
            if "$ref" in part:
                assert part["$ref"].removeprefix("#/$defs/") in schema["$defs"]
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(schema)


# --- the example ----------------------------------------------------------------------------------------


def test_the_example_in_the_repository_is_valid():
    config = load_config(Path(__file__).parent.parent / "config")
    assert any(connection.enabled for connection in config.connections.values())
