"""`hub init` writes a start that is valid as it is, and never overwrites."""

import re
from pathlib import Path

from hub.config import connection_mapping, load_config


def test_the_start_is_valid_as_it_is(hub):
    assert hub("init").code == 0
    config = load_config(Path("config"))
    assert list(config.connections) == ["sample"]


def test_every_example_in_the_comments_is_valid_too(hub):
    hub("init")
    path = Path("config/hub.yaml")
    start, connections = path.read_text().split("\nconnections:\n")
    shown = re.sub(r"(?m)^( *)# ((?:  )*[a-z_]+:)", r"\1\2", connections)
    path.write_text(f"{start}\nconnections:\n{shown}")

    config = load_config(Path("config"))

    assert list(config.connections) == ["sample", "erp", "old_shop", "website"]
    assert config.golden.rules["tax_id"] == ("erp", "old_shop")


def test_the_example_mapping_is_valid(hub):
    hub("init")
    config = load_config(Path("config"))
    sample = config.connections["sample"].model_copy(update={"mapping": "mappings/example.yaml"})
    config = config.model_copy(update={"connections": {"sample": sample}}).placed(Path("config"))

    assert "emails" in connection_mapping(config, "sample").scope()


def test_another_folder_may_be_named(hub):
    answer = hub("init", "etc/hub")
    assert "hub check --config etc/hub" in answer.out
    assert load_config(Path("etc/hub")).connections["sample"].settings["path"] == "hub/sample/*.csv"


def test_a_configuration_is_never_overwritten(hub):
    Path("config").mkdir()
    Path("config/hub.yaml").write_text("# mine\n")

    answer = hub("init")

    assert answer.code == 2
    assert "nothing was written" in answer.err
    assert Path("config/hub.yaml").read_text() == "# mine\n"
    assert sorted(path.name for path in Path("config").iterdir()) == ["hub.yaml"]


def test_other_files_stay_as_they_are(hub):
    Path("config/mappings").mkdir(parents=True)
    Path("config/mappings/example.yaml").write_text("# mine\n")

    assert hub("init").code == 0
    assert Path("config/mappings/example.yaml").read_text() == "# mine\n"


def test_a_folder_that_cannot_be_written_is_named(hub):
    Path("config").write_text("a file\n")
    answer = hub("init")
    assert answer.code == 2
    assert "config" in answer.err


def test_secrets_are_kept_out_of_version_control_and_from_other_users(hub):
    hub("init")
    assert "*" in Path("config/secrets/.gitignore").read_text().splitlines()
    assert Path("config/secrets").stat().st_mode & 0o077 == 0
