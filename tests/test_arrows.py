"""Who may import whom. Arrows point down; the core knows no clock, no chance, no network, no database.

Read from the text of the modules: nothing is imported, so a module that is broken still has its arrows.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HUB = ROOT / "hub"

CORE = ("hub.mapping", "hub.dedupe", "hub.sync.guard", "hub.sync.link")
LAYERS = [  # from the ground up; a module may import from layers below its own, and from its own entry
    ["hub.errors", "hub.model", "hub.client"],
    ["hub.durations", "hub.secrets", "hub.document", "hub.readable", "hub.access"],
    ["hub.logs", "hub.mistakes", "hub.stepping", *CORE],
    ["hub.metrics"],
    ["hub.connectors", "hub.store"],
    ["hub.config"],
    ["hub.opening", "hub.accounts", "hub.mail"],
    ["hub.optin"],
    ["hub.sync", "hub.checking"],
    ["hub.trying", "hub.sampling", "hub.rereading"],
    ["hub.running"],
    ["hub.schedule", "hub.web", "hub.worker"],
    ["hub.events"],
    ["hub.notify"],
    ["hub.lasting", "hub.asked", "hub.attending", "hub.sending", "hub.tidying", "hub.measuring"],
    ["hub.service"],
    ["hub.host"],
    ["hub.cli"],
    ["hub.testing"],  # for tests only: nothing of the product imports it
]
WORLD = {  # what the core must not know, and what of it is a plain value
    "time": set(),
    "random": set(),
    "secrets": set(),
    "uuid": {"UUID"},
    "logging": set(),
    "socket": set(),
    "subprocess": set(),
    "threading": {"Lock"},
    "urllib": {"parse"},
    "http": set(),
    "sqlite3": set(),
    "sqlalchemy": set(),
    "httpx": set(),
}
CLOCKS = {"now", "utcnow", "today"}


class Module:
    """One file of the package and what it imports, names included: `from a import b` is `a` and `a.b`."""

    def __init__(self, path: Path) -> None:
        parts = path.relative_to(ROOT).with_suffix("").parts
        self.name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.anywhere = set(imports(self.tree))
        self.at_the_top = set(imports(self.tree, top_only=True))


def imports(tree: ast.AST, *, top_only: bool = False) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif top_only and (isinstance(node, ast.FunctionDef) or is_for_types_only(node)):
            continue
        else:
            yield from imports(node, top_only=top_only)


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


MODULES = {module.name: module for module in map(Module, sorted(HUB.rglob("*.py")))}


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def entry(name: str) -> str | None:
    """The most exact entry of LAYERS that a module belongs to."""
    return max((e for layer in LAYERS for e in layer if is_within(name, e)), key=len, default=None)


def height(name: str) -> int:
    found = entry(name)
    return next(i for i, layer in enumerate(LAYERS) if found in layer)


def wrong_arrows(module: Module) -> list[str]:
    """The modules it imports that are neither below it nor of its own entry."""
    targets = {target for target in module.anywhere if target in MODULES and entry(target)}
    return sorted(
        target for target in targets if entry(target) != entry(module.name) and height(target) >= height(module.name)
    )


def outside(allowed: tuple[str, ...], package: str) -> list[str]:
    """The modules that import a package and are not among those that may."""
    return [
        module.name
        for module in MODULES.values()
        if any(is_within(target, package) for target in module.anywhere)
        and not any(is_within(module.name, name) for name in allowed)
    ]


def test_every_module_has_its_place_in_the_layers():
    assert [name for name in MODULES if name != "hub" and not name.endswith("__main__") and not entry(name)] == []


@pytest.mark.parametrize("name", MODULES)
def test_arrows_point_down(name):
    module = MODULES[name]
    if entry(name):
        assert wrong_arrows(module) == []


def test_no_module_imports_itself_by_a_detour():
    graph = {
        name: {target for target in module.at_the_top if target in MODULES and not is_within(name, target)}
        for name, module in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as err:
        cycle = err.args[1]
        pytest.fail("import cycle: " + " → ".join(later for later, _ in pairwise([*reversed(cycle), ""])))


def test_only_the_store_and_the_sql_connector_know_sqlalchemy():
    users = outside(("hub.store", "hub.connectors.sql"), "sqlalchemy")
    assert [name for name in users if not name.startswith("hub.connectors.sql_")] == []
    assert outside(("hub.store",), "alembic") == []


def test_only_connectors_know_httpx():
    users = outside(("hub.client", "hub.connectors", "hub.testing"), "httpx")
    others = ["hub.opening", "hub.accounts.oidc"]  # which hands a transport through; which asks who signs people in
    assert [name for name in users if name not in others] == []


def test_only_the_connector_kit_knows_pytest():
    assert outside(("hub.testing",), "pytest") == []


def test_only_the_command_line_knows_typer_and_rich():
    assert outside(("hub.cli",), "typer") == []
    assert outside(("hub.cli",), "rich") == []


def test_only_the_command_line_prints():
    printing = [
        f"{module.name}:{node.lineno}"
        for module in MODULES.values()
        if not is_within(module.name, "hub.cli")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id == "print"
    ]
    assert printing == []


def core_modules() -> list[str]:
    return [name for name in MODULES if any(is_within(name, package) for package in CORE)]


@pytest.mark.parametrize("name", core_modules())
def test_the_core_knows_nothing_of_the_world(name):
    known = [
        target
        for target in MODULES[name].anywhere
        for package, values in WORLD.items()
        if target.startswith(package + ".") and target.removeprefix(package + ".").split(".")[0] not in values
    ]
    known += [target for target in MODULES[name].anywhere if target in WORLD and not WORLD[target]]
    assert known == []


@pytest.mark.parametrize("name", core_modules())
def test_the_core_asks_no_clock(name):
    calls = [
        node.lineno
        for node in ast.walk(MODULES[name].tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]
    assert calls == []


def test_a_wrong_arrow_would_be_seen(tmp_path):
    path = ROOT / "hub" / "model.py"
    module = Module(path)
    module.anywhere = {"hub.connectors.contract", "hub.errors"} & set(MODULES)

    assert wrong_arrows(module) == ["hub.connectors.contract", "hub.errors"]
