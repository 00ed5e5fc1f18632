"""What is true of the product as a whole, and of the page that says which test holds which promise."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canaries import MARK, canary
from tests.cli.company import Company
from tests.cli.conftest import hub  # noqa: F401  a fixture

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)

FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "pickle.loads", "pickle.load", "yaml.load"}
FORBIDDEN_CALLS |= {"yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen"}
FORBIDDEN_MODULES = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "xml.etree.ElementTree",
    "xml.dom.minidom",
    "xml.sax",
    "lxml.etree",
}
OWN_BYTES = {  # read back by the very process that made them: from its memory, or from a file without a name
    "hub/dedupe/bulk/columns.py": "marshal",
    "hub/dedupe/bulk/levels.py": "marshal",
    "hub/dedupe/bulk/spelling.py": "marshal",
    "hub/sync/staged.py": "marshal",
}
FORBIDDEN_WORDS = {"shell": True, "verify": False, "follow_redirects": True, "autoescape": False}


def dangers(text: str) -> Iterator[str]:
    """What must not be in the product, each with its line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in FORBIDDEN_CALLS and not (name == "yaml.load" and "SafeLoader" in ast.unparse(node)):
                yield f"{node.lineno} {name}"
            for word in node.keywords:
                if word.arg in FORBIDDEN_WORDS and ast.unparse(word.value) == str(FORBIDDEN_WORDS[word.arg]):
                    yield f"{node.lineno} {word.arg}={ast.unparse(word.value)}"
        elif isinstance(node, ast.Import):
            yield from (f"{node.lineno} {each.name}" for each in node.names if each.name in FORBIDDEN_MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in FORBIDDEN_MODULES:
            named = [each.name for each in node.names]
            if named != ["Element"] and not set(named) <= {"Element", "SubElement", "tostring", "ParseError"}:
                yield f"{node.lineno} {node.module}"


def test_nothing_dangerous_is_called_anywhere():
    found = {
        str(path.relative_to(ROOT)): list(dangers(path.read_text(encoding="utf-8")))
        for path in ROOT.glob("hub/**/*.py")
    }

    assert {path: each for path, each in found.items() if each and not _is_its_own(path, each)} == {}


def _is_its_own(path, dangers):
    return [each.partition(" ")[2] for each in dangers] == [OWN_BYTES.get(path)]


@pytest.mark.parametrize(
    "text",
    [
        "eval(x)",
        "yaml.load(x)",
        "import pickle",
        "from marshal import loads",
        "from xml.etree.ElementTree import fromstring",
        "subprocess.run(x, shell=True)",
        "httpx.Client(verify=False)",
    ],
)
def test_the_search_for_what_is_dangerous_finds_it(text):
    assert list(dangers(text))


def test_every_promise_has_its_row():
    assert re.findall(r"^\| (S\d+) \|", PAGE, re.MULTILINE) == [f"S{n}" for n in range(1, 19)]
    assert len(NAMED) >= 50


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_is_named_is_there(file, name):
    assert re.search(rf"^ *(async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_a_secret_that_was_typed_in_is_in_no_file_in_clear(hub, tmp_path):  # noqa: F811
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "hub.yaml").write_text("default_region: PT\n")
    assert hub("secrets", "set", "ERP_KEY", typed=canary("sealed") + "\n").code == 0
    assert "ERP_KEY" in hub("secrets", "list").out

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert [path for path in files if MARK.encode() in path.read_bytes()] == []


STATEMENTS = ("Robert'); DROP TABLE golden;--", '"; DELETE FROM record; --', "%' OR '1'='1", "{{7*7}}${7*7}")


def test_a_name_that_is_a_statement_is_a_name(hub, tmp_path):  # noqa: F811
    company = Company(tmp_path)
    for number, name in enumerate(STATEMENTS, 1):
        company.sql("insert into people values (?, ?, ?, ?)", number, name, "Tables", f"p{number}@example.org")
    assert hub("sync", "crm", "--yes").code == 0

    for number, name in enumerate(STATEMENTS, 1):
        [row] = json.loads(hub("contacts", "find", f"p{number}@example.org", "--json").out)["rows"]
        assert row["fields"]["given_name"] == name
        assert hub("contacts", "find", name).code in (0, 1)
    assert len(company.store("select id from golden")) == len(STATEMENTS)
    assert len(company.sql("select id from people")) == len(STATEMENTS)
