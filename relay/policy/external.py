"""Who is outside of the organization: the ones that a tenant's limit of external recipients is about.

The organization's own domains are those that the profile names; where it names none, the mailbox's own is taken. To
take too few for internal only makes mail wait that need not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

EXTERNAL_LIMIT = "smtp.tenant-external-limit"


@dataclass(frozen=True, slots=True)
class Curb:
    """Recipients outside of these domains wait until then (epoch milliseconds)."""

    internal: frozenset[str]
    until: int


def internal_domains(configured: Iterable[str], mailbox: str) -> frozenset[str]:
    """The organization's domains, in lower case."""
    domains = frozenset(domain.lower().rstrip(".") for domain in configured)
    return domains or frozenset({_domain(mailbox)})


def is_internal(address: str, domains: frozenset[str]) -> bool:
    """Whether a recipient is one of the organization."""
    return _domain(address) in domains


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower().rstrip(".")
