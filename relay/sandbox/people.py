"""The people of the tenant: who may sign in themselves, their mailbox, their addresses and their consent."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self


@dataclass(slots=True, kw_only=True)
class User:
    """One person. The sign-in name may differ from the mailbox's address; `aliases` are further addresses of it."""

    upn: str
    mailbox: str = ""
    aliases: tuple[str, ...] = ()
    send_as: tuple[str, ...] = ()
    name: str = ""
    consented: bool = True
    enabled: bool = True
    valid_from: float = 0.0  # refresh tokens issued before are revoked
    oid: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __post_init__(self) -> None:
        """The mailbox is the sign-in name unless told otherwise."""
        self.mailbox = self.mailbox or self.upn
        self.name = self.name or self.upn.partition("@")[0].title()
        self.aliases, self.send_as = tuple(self.aliases), tuple(self.send_as)

    @classmethod
    def of(cls, upn: str, given: Mapping[str, Any]) -> Self:
        """A person of a JSON object; raise ValueError for a member that has no meaning."""
        known = {one.name for one in fields(cls)} - {"upn", "valid_from"}
        if unknown := sorted(set(given) - known):
            raise ValueError(f"a user has no {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        return cls(upn=upn, **given)

    @property
    def addresses(self) -> set[str]:
        """By what an XOAUTH2 response may name the person's mailbox, in lower case."""
        return {address.lower() for address in (self.upn, self.mailbox, *self.aliases)}

    def to_json(self) -> dict[str, Any]:
        """What the portal shows."""
        shown = ("upn", "mailbox", "aliases", "send_as", "name", "consented", "enabled", "oid")
        return {name: getattr(self, name) for name in shown}


class People:
    """All users of the tenant, by sign-in name or object id."""

    def __init__(self, users: Iterable[User] = ()) -> None:
        self._users = list(users)

    def __iter__(self) -> Iterator[User]:
        return iter(list(self._users))

    def add(self, user: User) -> None:
        """One more."""
        self._users.append(user)

    def find(self, name: str) -> User | None:
        """The user of that sign-in name or object id, or None."""
        wanted = name.lower()
        return next((user for user in self._users if wanted in (user.upn.lower(), user.oid)), None)

    def get(self, name: str) -> User:
        """The user of that sign-in name; raise ValueError when there is none."""
        if (user := self.find(name)) is None:
            raise ValueError(f"the tenant has no user {name}")
        return user
