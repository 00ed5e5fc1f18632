"""Files on SFTP servers and in S3 buckets, through fsspec (extra `remote`).

Source  documentation of fsspec, paramiko and s3fs
SFTP    the server has to show a key that `known_hosts` or `fingerprint` names; no other is ever accepted. Files
        appear by rename (`posix-rename@openssh.com`), so that nobody reads half of one
S3      an object appears whole by itself. Moving is copying and deleting
Copies  lie in a private folder, mode 0600, as long as they are read
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from hub.connectors.contract import Context
from hub.connectors.filing.places import FileProblem, Found, free_name, private_file
from hub.connectors.filing.settings import PlaceSettings
from hub.errors import AccountError, ConfigError, HubError, TransientError

CHUNK = 1024 * 1024
DENIED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "NoSuchBucket"})


def open_remote(settings: PlaceSettings, context: Context) -> RemotePlace:
    """ConfigError names the extra when the libraries are missing. Reaches nothing."""
    try:
        import fsspec  # noqa: F401
        import paramiko  # noqa: F401

        if settings.scheme == "s3":
            import s3fs  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"{context.name}: {settings.scheme}:// needs libraries that are not installed. "
            "Next: pip install 'contact-hub[remote]'."
        ) from error
    return RemotePlace(settings, context)


class RemotePlace:
    """A path or a pattern on a server. The connection is made at the first call."""

    def __init__(self, settings: PlaceSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        parts = urlsplit(settings.path.replace("?", "%3F").replace("#", "%23"))
        path = parts.path.replace("%3F", "?").replace("%23", "#")
        self._pattern = f"{parts.netloc}{path}" if settings.scheme == "s3" else path
        self._folder = str(PurePosixPath(self._pattern).parent)
        self._opened: Any = None

    # --- the place --------------------------------------------------------------------------------

    def find(self) -> list[Found]:
        wanted = PurePosixPath(self._pattern).name
        return sorted(
            (each for each in self._listed(self._folder) if fnmatchcase(each.name, wanted)), key=lambda f: f.path
        )

    def look(self, found: Found) -> Found | None:
        return next((each for each in self._listed(self._folder) if each.path == found.path), None)

    def fetch(self, found: Found, folder: Path, limit: int) -> Path:
        if found.size > limit:
            raise FileProblem(f"is larger than {limit} bytes (`max_bytes`)")
        local = folder / found.name
        with (
            self._told(f"{found.name} could not be read"),
            self._system().open(found.path, "rb") as source,
            private_file(local) as target,
        ):
            while chunk := source.read(CHUNK):
                target.write(chunk)
                if target.tell() > limit:
                    raise FileProblem(f"is larger than {limit} bytes (`max_bytes`)")
        return local

    def names_beside(self, found: Found) -> set[str]:  # noqa: ARG002 - one folder
        return {each.name for each in self._listed(self._folder)}

    def fetch_beside(self, found: Found, name: str, folder: Path) -> Path | None:  # noqa: ARG002
        there = next((each for each in self._listed(self._folder) if each.name == name), None)
        return None if there is None else self.fetch(there, folder, max(there.size, 1))

    def move(self, found: Found, folder: str, reason: str = "") -> bool:
        target = f"{self._folder}/{folder}"
        with self._told(f"{found.name} could not be moved to {folder}"):
            if not self._system().exists(found.path):
                return False
            if self._settings.scheme == "sftp":
                self._system().makedirs(target, exist_ok=True)
            taken = {each.name for each in self._listed(target, missing=True)}
            name = free_name(found.name, taken)
            if reason:
                with self._system().open(f"{target}/{name}.reason", "wb") as file:
                    file.write(f"{reason}\n".encode())
            self._system().mv(found.path, f"{target}/{name}")
        return True

    def remove_beside(self, found: Found, name: str) -> None:  # noqa: ARG002
        with self._told(f"{name} could not be removed"):
            if self._system().exists(f"{self._folder}/{name}"):
                self._system().rm_file(f"{self._folder}/{name}")

    def put(self, local: Path, name: str) -> None:
        target = str(PurePosixPath(self._folder) / name)
        with self._told(f"{name} could not be written"):
            if self._settings.scheme == "s3":
                self._system().put_file(str(local), target)
                return
            self._system().makedirs(str(PurePosixPath(target).parent), exist_ok=True)
            temporary = str(PurePosixPath(target).parent / f".{PurePosixPath(target).name}.part")
            self._system().put_file(str(local), temporary)
            self._system().mv(temporary, target)

    # --- the server -------------------------------------------------------------------------------

    def _listed(self, folder: str, *, missing: bool = False) -> list[Found]:
        with self._told("the folder could not be listed"):
            self._system().invalidate_cache()
            try:
                rows = self._system().ls(folder, detail=True)
            except FileNotFoundError:
                if missing or self._settings.scheme == "s3":
                    return []  # S3 knows no folders, only names
                raise
            return [_found(row) for row in rows if row["type"] != "directory" and row["name"].strip("/") != folder]

    def _system(self) -> Any:
        if self._opened is None:
            self._opened = (_open_s3 if self._settings.scheme == "s3" else _open_sftp)(self._settings, self._context)
            self._context.closing.callback(self._close)
        return self._opened

    def _close(self) -> None:
        client = getattr(self._opened, "client", None)
        if client is not None:
            client.close()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Errors of the libraries as those of the hub; their texts may hold names and keys, and are left out."""
        name = self._context.name
        try:
            yield
        except (HubError, FileProblem):
            raise
        except (PermissionError, FileNotFoundError) as error:
            raise AccountError(f"{name}: {what} ({_kind(error)}). Next: see the path and the rights there.") from error
        except Exception as error:
            if _is_denied(error):
                raise AccountError(f"{name}: {what}: the key is refused. Next: see `user` and `secret`.") from error
            if not _is_of_the_network(error):
                raise
            raise TransientError(f"{name}: {what} ({_kind(error)}); the next run tries again.") from error


def _found(row: Mapping[str, Any]) -> Found:
    at = row.get("mtime") or row.get("LastModified")
    seconds = at.timestamp() if isinstance(at, datetime) else float(at or 0)
    mark = f"{row['size']}-{row.get('ETag') or seconds}"
    return Found(PurePosixPath(row["name"]).name, row["name"], int(row["size"] or 0), mark, seconds)


def _kind(error: BaseException) -> str:
    return type(error).__name__


def _is_denied(error: BaseException) -> bool:
    response = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    return code in DENIED or _kind(error) in ("NoCredentialsError", "AuthenticationException")


def _is_of_the_network(error: BaseException) -> bool:
    import paramiko

    modules = ("botocore", "aiobotocore", "aiohttp")
    return isinstance(error, OSError | EOFError | paramiko.SSHException) or type(error).__module__.startswith(modules)


# --- SFTP -----------------------------------------------------------------------------------------


def _open_sftp(settings: PlaceSettings, context: Context) -> Any:
    import paramiko
    from fsspec.implementations.sftp import SFTPFileSystem

    parts = urlsplit(settings.path)
    secret = settings.secret.get_secret_value() if settings.secret else None
    key = None if settings.private_key is None else _private_key(settings.private_key.get_secret_value(), context)
    how = {
        "port": parts.port or 22,
        "username": settings.user,
        "password": secret if key is None else None,
        "passphrase": None,
        "pkey": key,
        "timeout": settings.timeout_seconds,
        "banner_timeout": settings.timeout_seconds,
        "auth_timeout": settings.timeout_seconds,
        "look_for_keys": False,
        "allow_agent": False,
    }

    class Checked(SFTPFileSystem):  # type: ignore[misc]
        """fsspec's own accepts any host key."""

        cachable = False

        def _connect(self) -> None:
            self.client = paramiko.SSHClient()
            _trust(self.client, settings, context)
            try:
                self.client.connect(self.host, **self.ssh_kwargs)
                self.ftp = self.client.open_sftp()
                if (channel := self.ftp.get_channel()) is not None:
                    channel.settimeout(settings.timeout_seconds)
            except BaseException:
                self.client.close()
                raise

    return _connected(lambda: Checked(parts.hostname, **how), context)


def _connected(connect: Any, context: Context) -> Any:
    import paramiko

    name = context.name
    try:
        return connect()
    except paramiko.BadHostKeyException as error:
        raise AccountError(
            f"{name}: the server shows another host key than `known_hosts` has; nothing was sent. "
            "Next: ask its owner whether the key was changed."
        ) from error
    except paramiko.AuthenticationException as error:
        raise AccountError(f"{name}: user or key is refused. Next: see `user`, `secret`, `private_key`.") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise TransientError(f"{name}: the server does not answer ({_kind(error)}); nothing was read.") from error


def _trust(client: Any, settings: PlaceSettings, context: Context) -> None:
    """Whose host key is believed: the one with the fingerprint, or those that `known_hosts` names."""
    if settings.fingerprint is None:
        path = context.base / settings.known_hosts if settings.known_hosts else Path("~/.ssh/known_hosts").expanduser()
        try:
            client.load_host_keys(str(path))
        except OSError as error:
            raise ConfigError(
                f"{context.name}: the host key of the server cannot be checked: there is no file {path.name}. "
                "Next: set `fingerprint`, or `known_hosts`."
            ) from error
    client.set_missing_host_key_policy(_policy(settings.fingerprint, context.name))


def _policy(fingerprint: str | None, name: str) -> Any:
    import paramiko

    class Policy(paramiko.MissingHostKeyPolicy):
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # noqa: ARG002
            digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
            if fingerprint is not None and fingerprint.rstrip("=") == f"SHA256:{digest}":
                return
            raise AccountError(
                f"{name}: the host key of the server (SHA256:{digest}) is not known; nothing was sent. Next: compare "
                "it with its owner's, then set `fingerprint`, or add it to `known_hosts`."
            )

    return Policy()


def _private_key(text: str, context: Context) -> Any:
    import paramiko

    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text + "\n"))
        except (paramiko.SSHException, ValueError, IndexError):
            continue
    raise ConfigError(f"{context.name}: `private_key` is no Ed25519, ECDSA or RSA key without a passphrase.")


# --- S3 -------------------------------------------------------------------------------------------


def _open_s3(settings: PlaceSettings, context: Context) -> Any:
    import s3fs

    if (settings.user is None) != (settings.secret is None):
        raise ConfigError(f"{context.name}: s3 takes `user` (access key id) and `secret` together, or neither.")
    wait = {"connect_timeout": settings.timeout_seconds, "read_timeout": settings.timeout_seconds}
    return s3fs.S3FileSystem(
        key=settings.user,
        secret=settings.secret.get_secret_value() if settings.secret else None,
        endpoint_url=settings.endpoint,
        client_kwargs={"region_name": settings.region} if settings.region else {},
        config_kwargs={**wait, "retries": {"max_attempts": 2}},
        use_listings_cache=False,
        skip_instance_cache=True,
    )
