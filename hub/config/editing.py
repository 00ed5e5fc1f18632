"""Files of the configuration changed by the hub: judged first, written whole, and only over what was looked at.

The files stay the source of truth. Who changes one reads it here, changes its text (`hub.config.rewrite`), has the
whole judged as it would be then, and saves.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from hub.config.load import FILE, Types, load_config
from hub.config.mappings import connection_mapping
from hub.config.models import HubConfig
from hub.config.rewrite import REMOVED, Change, changed, difference
from hub.document import LARGEST
from hub.errors import ConfigError, Overtaken

__all__ = [
    "FILE",
    "REMOVED",
    "Change",
    "StaleEdit",
    "Written",
    "changed",
    "difference",
    "judge",
    "open_file",
    "read_only",
    "save",
    "writable",
]


class StaleEdit(Overtaken):
    """A file is not any more what the change was made on: nothing was written.

    name  of the file
    now   as it is
    """

    def __init__(self, name: str, now: str) -> None:
        super().__init__(
            f"{name} was changed by somebody else meanwhile, so nothing was written. "
            "Look at the difference, then save again."
        )
        self.name, self.now = name, now


@dataclass(frozen=True, slots=True)
class Written:
    """One file of the folder.

    name  from the folder, such as hub.yaml or mappings/erp.yaml
    text  what it holds, line ends as they are; when it is saved, what it is to hold
    etag  of what was read; "" for a file that was not there
    """

    name: str
    text: str
    etag: str


def open_file(folder: Path, name: str) -> Written:
    """ConfigError when it cannot be read, is no UTF-8 text, or is not in the folder."""
    path = _place(folder, name)
    try:
        content = path.read_bytes() if path.stat().st_size <= LARGEST else None
    except FileNotFoundError:
        return Written(name, "", "")
    except OSError as err:
        raise ConfigError(f"{path} cannot be read: {err.strerror or type(err).__name__}. Nothing was done.") from err
    if content is None:
        raise ConfigError(f"{path} is larger than {LARGEST} bytes: that is no configuration file.")
    try:
        return Written(name, content.decode(), _etag(content))
    except UnicodeDecodeError as err:
        raise ConfigError(f"{path} is not UTF-8 text, so it was not opened. Save it as UTF-8.") from err


def judge(
    folder: Path, files: Mapping[str, str], types: Types | None = None, only: Collection[str] | None = None
) -> HubConfig:
    """The configuration as it would be with these texts; connections opened with it use them too.

    only  connections whose mappings are looked at; None: all that are enabled, and those that these files are for
    ConfigError lists every mistake of `hub.yaml`, or of the mappings that enabled connections and these files name.
    """
    for name in files:
        _place(folder, name)
    config = load_config(folder, types, files)
    mistakes = []
    for name, connection in config.connections.items():
        if name in only if only is not None else connection.enabled or connection.mapping in files:
            try:
                connection_mapping(config, name, types)
            except ConfigError as err:
                mistakes.append(str(err))
    if mistakes:
        raise ConfigError("\n".join(dict.fromkeys(mistakes)))
    return config


def save(folder: Path, files: Sequence[Written], types: Types | None = None) -> HubConfig:
    """Writes these texts, all or none; the configuration as it is then.

    `hub.yaml` is written last, so that a hub that starts after a break-off between two files finds what it names.
    StaleEdit when a file is not what its `etag` says; ConfigError when the whole would have a mistake, or a file
    cannot be written. Nothing was changed then.
    """
    ordered = sorted(files, key=lambda file: file.name == FILE)
    with _alone(folder), ExitStack() as undone:
        before = {file.name: _as_it_was(folder, file) for file in ordered}
        config = judge(folder, {file.name: file.text for file in ordered}, types)
        if config.web.edit is False:
            raise ConfigError("With `web: {edit: false}` nothing is changed from here. Change the files themselves.")
        prepared = [(file.name, _prepared(_target(folder, file.name), file.text, undone)) for file in ordered]
        _replace(folder, prepared, before)
    return config.placed(folder)


def read_only(config: HubConfig) -> str:
    """Why files are not changed from here; "" when they are."""
    if not config.web.edit:
        return "web.edit is false"
    file = _target(config.folder, FILE)
    if not os.access(file, os.W_OK) or not os.access(file.parent, os.W_OK):
        return f"{file} cannot be written by the hub"
    return ""


def writable(config: HubConfig) -> bool:
    return not read_only(config)


# --- places -----------------------------------------------------------------------------------------


def _place(folder: Path, name: str) -> Path:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\x00" in name or "\\" in name:
        raise ConfigError("A file of the configuration is named from its folder and lies in it. Nothing was done.")
    return folder / pure


def _target(folder: Path, name: str) -> Path:
    """The file itself, where the name is a link to it."""
    return Path(os.path.realpath(_place(folder, name)))


def _etag(content: bytes) -> str:
    return blake2b(content, digest_size=12).hexdigest()


# --- writing ----------------------------------------------------------------------------------------


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process or thread saves in this folder meanwhile."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as err:
        raise _not_written(folder, err) from err
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _as_it_was(folder: Path, file: Written) -> str | None:
    """The text that is there; None where there is no file."""
    now = open_file(folder, file.name)
    if now.etag != file.etag:
        raise StaleEdit(file.name, now.text)
    return now.text if now.etag else None


def _prepared(target: Path, text: str, undone: ExitStack) -> Path:
    """A new file beside the target, with its mode and owner, whole on the disk."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        undone.callback(Path(name).unlink, missing_ok=True)
        with os.fdopen(handle, "wb") as out:
            out.write(text.encode())
            _like(out.fileno(), target)
            out.flush()
            os.fsync(out.fileno())
    except OSError as err:
        raise _not_written(target, err) from err
    return Path(name)


def _like(handle: int, target: Path) -> None:
    """Mode and owner of the file that is replaced; of a new one, those of its folder without the right to run."""
    known = target.stat() if target.exists() else None
    if known is None:
        os.fchmod(handle, target.parent.stat().st_mode & 0o666)
        return
    mine = os.fstat(handle)
    if (known.st_uid, known.st_gid) != (mine.st_uid, mine.st_gid):
        os.fchown(handle, known.st_uid, known.st_gid)
    os.fchmod(handle, known.st_mode & 0o7777)


def _replace(folder: Path, prepared: Sequence[tuple[str, Path]], before: Mapping[str, str | None]) -> None:
    """One after the other; when one cannot be replaced, those before it are put back."""
    done: list[str] = []
    try:
        for name, new in prepared:
            target = _target(folder, name)
            new.replace(target)
            done.append(name)
            _settle(target.parent)
    except OSError as err:
        for name in done:
            _put_back(_target(folder, name), before[name])
        raise _not_written(_target(folder, prepared[len(done)][0]), err) from err


def _put_back(target: Path, text: str | None) -> None:
    if text is None:
        target.unlink()
        return
    with ExitStack() as undone:
        _prepared(target, text, undone).replace(target)


def _settle(folder: Path) -> None:
    """The new name is on the disk, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _not_written(path: Path, err: OSError) -> ConfigError:
    return ConfigError(
        f"{path} cannot be written ({err.strerror or type(err).__name__}), so nothing was changed. "
        "Give the hub's user the right to write it and its folder, or change the file with an editor."
    )
