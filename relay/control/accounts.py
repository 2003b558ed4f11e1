"""Who may sign in at the dashboard, and which programs may ask its API: one file of the data_dir, hashes only.

Written whole, beside and then over the old one, so that a crash leaves one or the other. `relay admin` and the running
relay may write at once: `changing` holds the directory's lock. Root leaves the file to the directory's owner.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated

from relay.config.dashboard import Role
from relay.config.password import hashed, matches, usable
from relay.config.section import NAME_FORM, is_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "accounts.json"
SHORTEST, LONGEST = 12, 1024
# As long in the working out as any other: how long an answer takes does not tell who is known.
_NOBODY = "scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


class AccountsError(Exception):
    """The file can't be read or written; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """One entry, without what proves it."""

    name: Annotated[str, "the person or the program"]
    role: Annotated[str, "viewer or operator"]
    kind: Annotated[str, "person or token"]


@dataclass(frozen=True, slots=True)
class Listing:
    """Everybody, by name."""

    people: Annotated[tuple[Account, ...], "who may sign in with a password"]
    tokens: Annotated[tuple[Account, ...], "programs that may ask the API"]


@dataclass
class Accounts:
    """By name: people with role and password hash, programs (tokens) with role and SHA-256 of the token."""

    people: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, data_dir: Path) -> Accounts:
        """Those of the file; none where there is no file. Raises `AccountsError`."""
        path = data_dir / NAME
        try:
            return _whole(cls(**json.loads(path.read_text(encoding="utf-8"))))
        except FileNotFoundError:
            return cls()
        except OSError as error:
            remedy = f"the relay's user must be able to read it, or run this as root: ls -l {path}"
            raise AccountsError(f"{path} can't be read: {error.strerror or error}; {remedy}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            remedy = "put back a copy of it, or remove it and make people and tokens anew with `relay admin`"
            raise AccountsError(f"{path} is no list of accounts ({error!r}); {remedy}") from error

    def write(self, data_dir: Path) -> None:
        """Durable when it returns. Raises `OSError`."""
        beside = data_dir / f"{NAME}.new"
        beside.unlink(missing_ok=True)  # of a crash; and never followed, should it lead elsewhere
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(beside, flags, 0o600), "w", encoding="utf-8") as file:
            _leave_to_owner(file.fileno(), data_dir)
            json.dump(asdict(self), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(data_dir / NAME)
        with _opened(data_dir) as directory:
            os.fsync(directory)

    def listing(self) -> Listing:
        """To be shown."""
        return Listing(_shown(self.people, "person"), _shown(self.tokens, "token"))

    def set_password(self, name: str, password: str, role: Role) -> None:
        """Makes or changes a person. Costs the time and memory of scrypt."""
        self.people[name] = {"role": role.value, "password_hash": hashed(password)}

    def role_of(self, name: str, password: str) -> Role | None:
        """The role of the person with that password. Costs the time and memory of scrypt, for nobody known too."""
        person = self.people.get(name)
        right = matches(person["password_hash"] if person else _NOBODY, password)
        return Role(person["role"]) if person and right else None

    def new_token(self, name: str, role: Role) -> str:
        """A token to be shown once."""
        token = "relay_" + secrets.token_urlsafe(32)
        self.tokens[name] = {"role": role.value, "sha256": digest(token)}
        return token

    def owner_of(self, token: str) -> tuple[str, Role] | None:
        """Whose token that is."""
        wanted = digest(token)
        return next(((name, Role(one["role"])) for name, one in self.tokens.items() if one["sha256"] == wanted), None)


@contextlib.contextmanager
def changing(data_dir: Path) -> Iterator[Accounts]:
    """The accounts to be changed, written at the end of the block unless it raises. One at a time, of all processes.

    Raises `AccountsError`.
    """
    try:
        with _opened(data_dir) as directory:
            fcntl.flock(directory, fcntl.LOCK_EX)
            accounts = Accounts.read(data_dir)
            yield accounts
            accounts.write(data_dir)
    except FileNotFoundError as error:
        remedy = "start the relay once, which makes it, or name the right configuration"
        raise AccountsError(f"data_dir {data_dir} is not there; {remedy}") from error
    except OSError as error:
        remedy = "run this as the relay's user or as root, on a disk with room"
        raise AccountsError(f"{data_dir / NAME} can't be written: {error.strerror or error}; {remedy}") from error


def name_objection(name: str) -> str:
    """What is wrong with the name of a person or token; empty when it will do."""
    return "" if is_name(name) else f"'{name}' can't be a name: {NAME_FORM}."


def objection(password: str) -> str:
    """What is wrong with a new password; empty when it will do."""
    if len(password) < SHORTEST:
        return f"The password has {len(password)} characters; it needs at least {SHORTEST}. A few words will do."
    if len(password) > LONGEST:
        return f"The password has more than {LONGEST} characters."
    return ""


def digest(token: str) -> str:
    """How a token is kept: it is random, so that a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def differing(before: Accounts, after: Accounts) -> tuple[str, ...]:
    """Who is made, removed or changed in between: `person ann`, `token backup`."""
    kinds = (("person", before.people, after.people), ("token", before.tokens, after.tokens))
    return tuple(
        f"{kind} {name}" for kind, old, new in kinds for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )  # fmt: skip


def _shown(entries: dict[str, dict[str, str]], kind: str) -> tuple[Account, ...]:
    return tuple(Account(name, one["role"], kind) for name, one in sorted(entries.items()))


def _whole(accounts: Accounts) -> Accounts:
    """Those of a file in which every entry is whole. Raises `ValueError`, `KeyError`, `TypeError`, `AttributeError`."""
    for person in accounts.people.values():
        Role(person["role"])
        usable(person["password_hash"])
    for token in accounts.tokens.values():
        Role(token["role"])
        bytes.fromhex(token["sha256"])
    return accounts


@contextlib.contextmanager
def _opened(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _leave_to_owner(descriptor: int, data_dir: Path) -> None:
    if os.geteuid() == 0:
        owner = data_dir.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
