"""The demo's company: its systems, what is in them, and the hub's configuration for them."""

from __future__ import annotations

import fcntl
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from rich.progress import Progress

from demo import servers
from demo.cast import Cast, make_cast
from demo.commands import Hub, Running, stop_leftover
from demo.legacy import Shop, seed_shop
from demo.screen import Screen
from demo.seed import MailmanDesk, TrytonDesk, seed_mailman, seed_tryton
from demo.servers import Server, ServerError
from demo.witness import add_mechanism

LIST = "news@example.org"
FIRST_WEBSITE = "https://metalurgica.example.com"
START = Path(__file__).parent / "config"
SECRET_BYTES = 24
BATCH = 75


@dataclass
class Company:
    """Everything that runs, and who is in it."""

    folder: Path
    cast: Cast
    tryton: Server
    mailman: Server
    shop: Shop
    hub: Hub
    running: Running
    is_new: bool

    @property
    def form(self) -> str:
        return f"{self.running.url}/forms/website"

    def erp(self) -> TrytonDesk:
        return TrytonDesk(self.tryton)

    def lists(self) -> MailmanDesk:
        return MailmanDesk(self.mailman)

    def schedule(self, said: str) -> None:
        """Writes the configuration anew with this schedule; takes effect when `hub run` starts."""
        write_config(self.folder, self.tryton, self.mailman, said, self.running.url)


@contextmanager
def opened(folder: Path, screen: Screen, *, keep: bool) -> Iterator[Company]:
    """The company with its systems up, and all of them stopped at the end, whatever happens.

    keep  go on with what an earlier demo left in `folder`
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        is_new = _clear(folder, keep=keep)
        _install(folder, screen)
        running: Running | None = None
        try:
            if is_new:
                _new_password(folder / "data/mailman")
            with screen.waiting("Starting Tryton and Mailman …"):
                up = servers.up(folder)
            if is_new:
                _own_password(up["tryton"])
            web = f"http://127.0.0.1:{servers.free_port()}"
            running = Running(folder, web)
            write_config(folder, up["tryton"], up["mailman"], "manual", web)
            yield Company(
                folder=folder,
                cast=make_cast(),
                tryton=up["tryton"],
                mailman=up["mailman"],
                shop=Shop(folder / "data/shop.db"),
                hub=Hub(folder, screen),
                running=running,
                is_new=is_new,
            )
        finally:
            if running is not None:
                running.stop()
            servers.down(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock: TextIO
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise ServerError(f"another demo is running in {folder}; stop it, or name another --dir") from err
        yield


def _clear(folder: Path, *, keep: bool) -> bool:
    """Ends what a killed demo left, and makes room. True: nothing of an earlier demo is there."""
    stop_leftover(folder)
    servers.down(folder)
    if keep and (folder / "data/hub.db").exists():
        return False
    for name in ("data", "config", "hub-run.log"):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    (folder / "data").mkdir()
    return True


def _install(folder: Path, screen: Screen) -> None:
    """Both at once: most of the time goes into waiting for the package index."""
    home = folder / "installed"
    text = "Preparing Tryton and Mailman"
    if not servers.is_installed(home):
        text = f"Installing Tryton and Mailman in {folder.name}/installed: once, one or two minutes"
    with screen.waiting(f"{text} …"), ThreadPoolExecutor(max_workers=2) as pool:
        steps = [pool.submit(servers.install, name, home) for name in servers.PACKAGES]
        try:
            for done in steps:
                done.result()
        except ServerError as err:
            raise ServerError(f"Tryton and Mailman could not be installed from the package index: {err}") from err


# --- passwords: made at random, kept in files that only their owner can read -----------------------------


def _new_password(data: Path) -> str:
    data.mkdir(parents=True, exist_ok=True)
    return _write_secret(data / "password", secrets.token_urlsafe(SECRET_BYTES))


def _own_password(tryton: Server) -> None:
    """Tryton keeps passwords in its database: the one it starts with is changed."""
    new = secrets.token_urlsafe(SECRET_BYTES)
    with TrytonDesk(tryton) as desk:
        desk.call(
            "res.user", "write", desk.call("res.user", "search", [["login", "=", tryton.user]]), {"password": new}
        )
    _write_secret(Path(tryton.folder) / "password", new)


def _write_secret(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text)
    return text


# --- configuration ------------------------------------------------------------------------------------


def write_config(folder: Path, tryton: Server, mailman: Server, schedule: str, web: str) -> None:
    config = folder / "config"
    shutil.copytree(START, config, dirs_exist_ok=True)
    (config / "secrets").mkdir(mode=0o700, exist_ok=True)
    _write_secret(config / "secrets/tryton", tryton.password)
    _write_secret(config / "secrets/mailman", mailman.password)
    text = (START / "hub.yaml").read_text()
    places = {
        "@TRYTON_URL@": tryton.url,
        "@MAILMAN_URL@": mailman.url,
        "@SCHEDULE@": schedule,
        "@WEB_PORT@": str(urlsplit(web).port),
    }
    for place, value in places.items():
        text = text.replace(place, value)
    (config / "hub.yaml").write_text(text)


# --- filling ------------------------------------------------------------------------------------------


def fill(company: Company, bars: Progress) -> None:
    """Puts the made-up people into the ERP, the list and the old shop, all three at once."""
    steps = (_fill_erp, _fill_list, _fill_shop)
    with ThreadPoolExecutor(max_workers=len(steps)) as pool:
        for done in [pool.submit(step, company, bars) for step in steps]:
            done.result()


def _fill_erp(company: Company, bars: Progress) -> None:
    cast = company.cast
    task = bars.add_task("the ERP", total=len(cast.twice) + len(cast.erp))
    with company.erp() as desk:
        seed_tryton(desk, cast.twice, doubles_every=0)
        for start in range(0, len(cast.erp), BATCH):
            bars.advance(task, len(seed_tryton(desk, cast.erp[start : start + BATCH], doubles_every=0)))
        bars.update(task, completed=len(cast.twice) + len(cast.erp))
        add_mechanism(desk, cast.clash.name, "website", FIRST_WEBSITE)


def _fill_list(company: Company, bars: Progress) -> None:
    members = company.cast.listed
    task = bars.add_task("the newsletter", total=len(members))
    with company.lists() as desk:
        seed_mailman(desk, members, LIST, every=1)
    bars.update(task, completed=len(members))


def _fill_shop(company: Company, bars: Progress) -> None:
    task = bars.add_task("the old shop", total=1)
    seed_shop(company.shop, company.cast.shop, {each.number for each in company.cast.listed})
    bars.update(task, completed=1)
