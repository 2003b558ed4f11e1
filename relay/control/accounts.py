"""Who may sign in at the dashboard, and which programs may ask its API: one file of the data_dir, hashes only.

Written whole, beside and then over the old one, so that a crash leaves one or the other; read again each time, so that
`relay admin` works on a running relay.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from relay.config.dashboard import Role
from relay.config.password import hashed, matches

if TYPE_CHECKING:
    from pathlib import Path

NAME = "accounts.json"


@dataclass
class Accounts:
    """By name: people with role and password hash, programs (tokens) with role and SHA-256 of the token."""

    people: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, data_dir: Path) -> Accounts:
        """Those of the file; none where there is no file. Raises `OSError`, `ValueError`."""
        try:
            return cls(**json.loads((data_dir / NAME).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return cls()

    def write(self, data_dir: Path) -> None:
        """Durable when it returns. Raises `OSError`."""
        beside = data_dir / f"{NAME}.new"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(data_dir / NAME)

    def set_password(self, name: str, password: str, role: Role) -> None:
        """Makes or changes a person. Costs the time and memory of scrypt."""
        self.people[name] = {"role": role.value, "password_hash": hashed(password)}

    def role_of(self, name: str, password: str) -> Role | None:
        """The role of the person with that password. Costs the time and memory of scrypt, for nobody known too."""
        person = self.people.get(name)
        right = matches(person["password_hash"] if person else hashed(""), password)
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


def digest(token: str) -> str:
    """How a token is kept: it is random, so that a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
