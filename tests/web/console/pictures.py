"""The pictures of the documentation: `python -m tests.web.console.pictures FOLDER`."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

from typer.testing import CliRunner

from hub.access.rights import Role
from hub.cli.main import app
from tests.cli.conftest import Answer
from tests.cli.desk import Desk
from tests.web.console.browser import chromium, served, window
from tests.web.console.rig import looked_at, small_company

DESKTOP = {"width": 1180, "height": 760}
PHONE = {"width": 390, "height": 760}


def hub(*args: str, typed: str | None = None) -> Answer:
    result = CliRunner().invoke(app, list(args), input=typed)
    return Answer(result.exit_code, result.stdout, result.stderr)


def first(look, path: str, pattern: str) -> str:
    """What a page links to first."""
    found = re.search(pattern, look.get(path).text)
    assert found, path
    return found[1]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        small_company(Desk(hub))
        with looked_at(Path("config").absolute()) as look:
            look.role = Role.ADMINISTRATOR
            contact = first(look, "/contacts/found?q=baker", r'href="(/contacts/[^"]+)"')
            pages = {
                "overview": "/",
                "holds": "/holds",
                "reviews": "/reviews",
                "conflicts": "/conflicts",
                "parked": "/parked",
                "desk": "/desk?phone=912000001",
                "contacts": "/contacts?q=ann",
                "contact": contact,
                "why": f"{contact}/explain?field=job_title",
                "consent": f"{contact}/consent",
                "erase": f"{contact}/erase",
                "erasures": "/erasures",
                "correct": f"{contact}/correct?field=job_title",
                "rules": "/conflicts/rules",
                "connections": "/connections",
                "connection": "/connections/crm",
                "add": "/connections/add-one",
                "setup": "/connections/crm/setup",
                "mapping": "/connections/crm/mapping",
                "runs": "/runs",
                "run": first(look, "/runs", r'href="(/runs/r[^"?]+)"'),
                "conflict": first(look, "/conflicts", r'href="(/conflicts/\d+)"'),
                "settings": "/settings",
                "about": "/about",
            }
            with served(look) as address, chromium() as browser:
                for way, options in {
                    "light": {"viewport": DESKTOP},
                    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
                    "phone": {"viewport": PHONE},
                }.items():
                    with window(browser, address, **options) as page:
                        for name, path in pages.items():
                            page.goto(path)
                            page.screenshot(
                                path=folder / f"{name}-{way}.png", caret="initial"
                            )  # hidden by a style inline


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
