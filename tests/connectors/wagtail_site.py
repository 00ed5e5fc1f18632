"""A real Wagtail site with one form page, which tells the hub of its submissions as docs/connectors/form.md shows it.

The empty site is made once below .servers and copied for each set of tests: its migrations take half a minute.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import httpx
import pytest

from tests.connectors.programs import environment
from tests.connectors.real import HOME
from tests.connectors.servers import Server, free_port, own_folder, running

PACKAGES = ["wagtail~=8.0.1"]
PAGE = Path(__file__).parents[2] / "docs" / "connectors" / "form.md"
MODELS = """
from django.db import models
from modelcluster.fields import ParentalKey
from wagtail.contrib.forms.models import AbstractFormField
from wagtail.models import Page
from home.hub_forms import HubForm

class HomePage(Page):
    pass

class FormField(AbstractFormField):
    page = ParentalKey("FormPage", on_delete=models.CASCADE, related_name="form_fields")

class FormPage(HubForm):
    pass
"""
TEMPLATE = """{% load wagtailcore_tags %}<form action="{% pageurl page %}" method="POST">{% csrf_token %}{{ form.as_p }}
<input type="submit"></form>"""
SETTINGS = """
import os
HUB_URL, HUB_SECRET = os.environ.get("HUB_URL", ""), os.environ.get("HUB_SECRET", "")
"""
MAKE_PAGE = """
from home.models import FormPage, HomePage
page = HomePage.objects.first().add_child(instance=FormPage(title="Contact", slug="contact"))
fields = [("Full name", "singleline", True), ("Email", "email", True), ("Newsletter", "checkbox", False)]
for number, (label, kind, required) in enumerate(fields):
    page.form_fields.create(label=label, field_type=kind, required=required, sort_order=number)
page.save_revision().publish()
"""
ENVIRONMENT = {"DJANGO_SETTINGS_MODULE": "lab.settings.dev", "PYTHONDONTWRITEBYTECODE": "1"}


def code_of_the_page() -> str:
    """What the documentation tells the owner of a site to put into it."""
    found = re.search(r"### Wagtail\n.*?```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None, "the page has no code for Wagtail"
    return found[1]


class Site:
    """The running site. `post` is what a visitor does, `shell` what its owner does."""

    def __init__(self, server: Server, folder: Path, python: Path, told: dict[str, str]) -> None:
        self.server, self.folder, self._python, self._told = server, folder, python, told
        self.url = f"http://127.0.0.1:{server.port}/contact/"

    @property
    def database(self) -> Path:
        return self.folder / "db.sqlite3"

    def post(self, **fields: str) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=60) as visitor:
            page = visitor.get(self.url)
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            assert token is not None, page.text[:500]
            return visitor.post(self.url, data={"csrfmiddlewaretoken": token[1], **fields})

    def shell(self, code: str) -> str:
        return _manage(self._python, self.folder, "shell", "-c", code, **self._told)


@contextmanager
def wagtail(hub: str, secret: str) -> Iterator[Site]:
    """hub: the address that its form is posted to."""
    programs = environment("wagtail", PACKAGES)
    python, template = programs / "python", _template(programs)
    told = {"HUB_URL": hub, "HUB_SECRET": secret}
    with own_folder("root") as (folder, user):
        site, port = folder / "site", free_port()
        shutil.copytree(template, site)
        given = [f"{name}={value}" for name, value in {**ENVIRONMENT, **told}.items()]
        command = ["env", *given, str(python), str(site / "manage.py"), "runserver", "--noreload", f"127.0.0.1:{port}"]
        with running(Server("Wagtail", port, folder, command, user, signal.SIGTERM)) as server:
            yield Site(server, site, python, told)


def _template(programs: Path) -> Path:
    """The empty site, made anew when what it is made of has changed."""
    code = code_of_the_page()
    mark = blake2b("\0".join([*PACKAGES, code, MODELS, MAKE_PAGE, SETTINGS]).encode(), digest_size=8).hexdigest()
    folder = HOME / "wagtail" / f"site-{mark}"
    with (HOME / "wagtail" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            _make(programs, folder, code)
            (folder / "ready").touch()
    return folder


def _make(programs: Path, folder: Path, code: str) -> None:
    _run([str(programs / "wagtail"), "start", "lab", str(folder)], folder)
    home = folder / "home"
    (home / "models.py").write_text(MODELS)
    (home / "hub_forms.py").write_text(code)
    pages = home / "templates" / "home"
    (pages / "form_page.html").write_text(TEMPLATE)
    (pages / "form_page_landing.html").write_text("thanks")
    with (folder / "lab" / "settings" / "base.py").open("a") as settings:
        settings.write(SETTINGS)
    python = programs / "python"
    for words in (["makemigrations", "home"], ["migrate"], ["shell", "-c", MAKE_PAGE]):
        _manage(python, folder, *words)


def _manage(python: Path, folder: Path, *words: str, **told: str) -> str:
    return _run([str(python), "manage.py", *words], folder, **told)


def _run(command: list[str], folder: Path, **told: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **ENVIRONMENT, **told},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        pytest.fail(f"{command[1:3]} of the site failed: {done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout
