"""Refresh tokens on the disk: encrypted, one file for each person who signed in to an app.

A file is a line that names the format and the key, and a line of AES-256-GCM. It is bound to its app and person, so
that files cannot be changed for one another. It is replaced whole (a file aside, fsync, rename, fsync of the directory)
and read anew for every use; whoever changes it holds its lock from reading to writing, so that of two processes (the
relay, and `relay authorize`) none overwrites the other's newer token. Nothing of it is ever on the disk in plain.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import time
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING

from relay.config.aeskey import decoded_key, fingerprint
from relay.config.secret import SecretError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DIRECTORY = "tokens"
LOCK_S = 60.0
_FORMAT = "relay-token-1"
_NONCE_OCTETS = 12
_POLL_S = 0.05


class VaultError(Exception):
    """Tokens that cannot be read or written; the text says where, why, and what to do."""


class NotKeptError(VaultError):
    """This person has not signed in to this app yet."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one sign-in. `cache` is MSAL's, without access tokens; times are epoch seconds.

    `public`: the app had to ask without its credential (device code), and has to go on so.
    """

    cache: str = field(repr=False)
    username: str = ""
    signed_in_at: float = 0.0
    refreshed_at: float = 0.0
    public: bool = False

    def renewed(self, cache: str, now: float) -> Kept:
        """The same sign-in after its refresh token was used."""
        return replace(self, cache=cache, refreshed_at=now)


@dataclass(frozen=True, slots=True)
class Vault:
    """All files of one data directory. `read_key` gives the key as text; it is asked each time."""

    data_dir: Path
    read_key: Callable[[], str] = field(compare=False)
    read_only: bool = False

    def place(self, client_id: str, user: str) -> Place:
        """Where the tokens of one person for one app are kept, whether or not there are any."""
        return (Glance if self.read_only else Place)(self, client_id.lower(), user.lower())


class Place:
    """The tokens of one person for one app. All methods block, and raise `VaultError`."""

    def __init__(self, vault: Vault, client_id: str, user: str) -> None:
        self._vault = vault
        self._directory = vault.data_dir / DIRECTORY
        self.user = user
        self._bound_to = f"\0{client_id}\0{user}".encode()
        digest = hashlib.sha256(self._bound_to).hexdigest()[:12]
        self.path = self._directory / f"{re.sub(r'[^a-z0-9.@_-]', '_', user)[:64]}.{digest}"

    def read(self) -> Kept:
        """What is kept now. Raises `NotKeptError` where nothing is."""
        key = self._key()
        try:
            text = self.path.read_text(encoding="ascii")
        except FileNotFoundError:
            raise NotKeptError(f"{self.user} has not signed in yet: there is no {self.path}") from None
        except UnicodeDecodeError:
            raise self._damaged() from None
        except OSError as error:
            raise self._no_access(error) from error
        return self._opened(text, key)

    def probe(self) -> None:
        """Whether something can be kept here: the key is one, and the directory can be written to."""
        self._key()
        with self.locked():
            return

    def write(self, kept: Kept) -> None:
        """Replaces what is kept; durable when it returns."""
        key = self._key()
        header = _header(key)
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        sealed = _cipher(key).encrypt(nonce, json.dumps(asdict(kept)).encode(), header.encode() + self._bound_to)
        text = f"{header}\n{base64.b64encode(nonce + sealed).decode()}\n"
        try:
            self._prepare()
            self._replace(text)
        except OSError as error:
            raise self._no_access(error) from error

    @contextlib.contextmanager
    def locked(self, within_s: float = LOCK_S) -> Iterator[None]:
        """Nobody else changes it meanwhile, in this process or another."""
        try:
            self._prepare()
            lock = self._open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR)
        except OSError as error:
            raise self._no_access(error) from error
        try:
            self._wait_for(lock, within_s)
            yield
        finally:
            os.close(lock)

    # -- the disk

    def _prepare(self) -> None:
        self._vault.data_dir.mkdir(parents=True, exist_ok=True)
        if not self._directory.is_dir():
            self._directory.mkdir(mode=0o700, exist_ok=True)
            with _opened_directory(self._directory) as directory:
                self._give_to_owner(directory)

    def _replace(self, text: str) -> None:
        aside = self.path.with_name(self.path.name + ".new")
        aside.unlink(missing_ok=True)
        fd = self._open(aside, os.O_WRONLY | os.O_EXCL)
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(fd)
        aside.replace(self.path)
        with _opened_directory(self._directory) as directory:
            os.fsync(directory)

    def _open(self, path: Path, flags: int) -> int:
        fd = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self._give_to_owner(fd)
        return fd

    def _give_to_owner(self, fd: int) -> None:
        """An administrator runs `relay authorize` as root; the relay, as who owns the data, has to read it."""
        if os.geteuid() == 0 and os.fstat(fd).st_uid == 0:
            owner = self._vault.data_dir.stat()
            os.fchown(fd, owner.st_uid, owner.st_gid)

    def _wait_for(self, lock: int, within_s: float) -> None:
        until = time.monotonic() + within_s
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise VaultError(
                        f"{self.path} is in use by another process for {within_s:g} s; try again, or stop that one"
                    ) from None
            time.sleep(_POLL_S)

    # -- the lock on it

    def _key(self) -> bytes:
        try:
            return decoded_key(self._vault.read_key())
        except (SecretError, ValueError) as error:
            raise VaultError(f"token_store.key: {error}") from error

    def _opened(self, text: str, key: bytes) -> Kept:
        header, _, body = text.partition("\n")
        if header.partition(" ")[0] != _FORMAT:
            raise self._damaged()
        if header != _header(key):
            raise VaultError(
                f"{self.path} was encrypted with another key than token_store.key; give the relay the key it was "
                "encrypted with, or sign in again"
            )
        return self._decrypted(header, body, key)

    def _decrypted(self, header: str, body: str, key: bytes) -> Kept:
        from cryptography.exceptions import InvalidTag

        try:
            octets = base64.b64decode(body.strip(), validate=True)
            nonce, sealed = octets[:_NONCE_OCTETS], octets[_NONCE_OCTETS:]
            plain = json.loads(_cipher(key).decrypt(nonce, sealed, header.encode() + self._bound_to))
        except (InvalidTag, ValueError):
            raise self._damaged() from None
        known = {item.name for item in fields(Kept)}
        return Kept(**{name: value for name, value in plain.items() if name in known})

    def _damaged(self) -> VaultError:
        return VaultError(
            f"{self.path} is damaged, or belongs to another person or app; restore it from a backup, or sign in again"
        )

    def _no_access(self, error: OSError) -> VaultError:
        return VaultError(
            f"{error.filename or self.path}: {error.strerror or error}; make {self._directory} a directory that the "
            "relay's user may write to, on a disk with room"
        )


class Glance(Place):
    """A place that is looked at and never changed: of a token that is used here, the successor is not kept.

    Entra leaves the used one valid; what a running relay keeps stays as it was.
    """

    def write(self, kept: Kept) -> None:
        """Keeps nothing."""

    @contextlib.contextmanager
    def locked(self, within_s: float = LOCK_S) -> Iterator[None]:  # noqa: ARG002  (there is nothing to wait for)
        """Nothing is changed, so that nobody has to wait."""
        yield


@contextlib.contextmanager
def _opened_directory(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _header(key: bytes) -> str:
    """Format and a fingerprint of the key, so that a wrong key and a damaged file can be told apart."""
    return f"{_FORMAT} {fingerprint(key)}"


def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # slow, and only delegated profiles need it

    return AESGCM(key)
