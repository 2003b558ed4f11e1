"""Who asks: a person with a session, or a program with a token; and what it may do."""

from __future__ import annotations

from dataclasses import dataclass

from relay.config.dashboard import Role

__all__ = ["Role", "Who"]


@dataclass(frozen=True, slots=True)
class Who:
    """`way` is how it was recognised: password, entra, proxy or token."""

    name: str
    role: Role
    way: str

    def may(self, role: Role) -> bool:
        """Whether this is allowed what that role is."""
        return role is Role.VIEWER or self.role is Role.OPERATOR
