"""What `hub connector list` and `hub connector docs` say of every type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli.checked import read_reasons
from hub.cli.connector_docs import current, pages
from hub.cli.described import BEGIN, END, block, with_block
from hub.cli.main import app
from hub.config.described import described
from hub.connectors.mailman import MailmanConnector
from hub.errors import ConfigError

PAGES = Path(__file__).parents[2] / "docs" / "connectors"


def hub(*args: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["connector", *args])
    return found.exit_code, found.output


def hub_json(*args: str) -> Any:
    return json.loads(CliRunner().invoke(app, ["connector", *args, "--json"]).stdout)


SHOULD_BE = dict(pages(PAGES))


@pytest.mark.parametrize("path", SHOULD_BE, ids=lambda path: path.name)
def test_the_generated_part_of_a_page_is_current(path: Path) -> None:
    assert current(path, SHOULD_BE[path]), "next: hub connector docs"


def test_the_list_shows_abilities_of_every_type() -> None:
    rows = {each["connector"]: each for each in hub_json("list")}

    assert rows["mailman"]["promise"] == "K"
    assert rows["mailman"]["deletions"] == "are opt-outs"
    assert rows["tryton"]["stale"] == "refused"
    assert rows["file"]["creates"] == ""
    assert set(rows) == {path.stem for path in SHOULD_BE} - {"README"}


def test_a_page_gets_the_generated_part_and_keeps_its_prose(tmp_path: Path) -> None:
    (tmp_path / "mailman.md").write_text("# Mailman\n\nProse.\n")

    code, _ = hub("docs", "mailman", "--out", str(tmp_path))

    text = (tmp_path / "mailman.md").read_text()
    assert code == 0
    assert text.startswith("# Mailman\n\nProse.\n\n" + BEGIN)
    assert "| `page_size` | `500` | members read in one call |" in text
    assert "| `emails` | `email` | when created |" in text
    assert hub("docs", "mailman", "--out", str(tmp_path), "--check")[0] == 0


def test_a_page_that_is_not_current_is_told_and_not_written(tmp_path: Path) -> None:
    page = tmp_path / "mailman.md"
    page.write_text(f"# Mailman\n\n{BEGIN}\n\nold\n\n{END}\n\nMore prose.\n")

    code, said = hub("docs", "mailman", "--out", str(tmp_path), "--check")

    assert code == 2
    assert "mailman.md is not current" in said
    assert "old" in page.read_text()
    hub("docs", "mailman", "--out", str(tmp_path))
    assert "old" not in page.read_text()
    assert page.read_text().endswith(END + "\nMore prose.\n")


def test_a_type_without_a_page_gets_one_with_its_example(tmp_path: Path) -> None:
    hub("docs", "--out", str(tmp_path))

    assert "    secret: env:MAILMAN_REST" in (tmp_path / "mailman.md").read_text()
    assert "[`mailman`](mailman.md)" in (tmp_path / "README.md").read_text()


def test_writing_the_generated_part_twice_changes_nothing() -> None:
    generated = block(described("mailman", MailmanConnector))
    page = with_block("# Mailman\n", generated)

    assert with_block(page, generated) == page


def test_reasons_of_the_kit_stand_in_the_page() -> None:
    told = "# R\n\n## Not asked\n\n- mailman, Mailman: *a thing*: there is none\n- sql, Sqlite: *x*: y\n"

    assert read_reasons(told) == {"mailman": ["Mailman: *a thing*: there is none"], "sql": ["Sqlite: *x*: y"]}
    assert "- Mailman: *a thing*: there is none" in block(
        described("mailman", MailmanConnector), read_reasons(told)["mailman"]
    )


def test_an_example_that_does_not_fit_is_told_without_its_values() -> None:
    class Wrong(MailmanConnector):
        example = "type: mailman\nurl: http://x\nlist: not a list\n"

    with pytest.raises(ConfigError, match=r"example of the connector type 'wrong' does not fit: list, secret"):
        described("wrong", Wrong)
