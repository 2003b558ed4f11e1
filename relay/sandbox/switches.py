"""Switches of a running cloud, by name: what `/switches` of the management port shows and sets.

Every service is up or down; `secret` is the state of the first client secret; `revoked` are the mailboxes whose
permission was taken away, `without_mailbox` users that Graph knows but who have none; `auto_sign_in` is who signs in
without a page; `public_client` and `security_defaults` are Entra's settings of that name.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relay.sandbox.cloud import Cloud


def state(cloud: "Cloud") -> dict[str, Any]:
    """The state of everything that can be switched."""
    entra = cloud.entra
    return {
        **{name: "up" if is_up else "down" for name, is_up in cloud.doors().items()},
        "secret": entra.registration.secret().state,
        "revoked": sorted(cloud.exchange.revoked),
        "without_mailbox": sorted(cloud.exchange.without_mailbox),
        "auto_sign_in": entra.authorize.auto_sign_in,
        "public_client": entra.registration.public_client,
        "security_defaults": entra.delegated.security_defaults,
    }


async def bring(cloud: "Cloud", wanted: Mapping[str, Any]) -> None:
    """Bring switches into the state given; raise ValueError for a name or state that does not exist."""
    there = state(cloud)
    if unknown := sorted(set(wanted) - set(there)):
        raise ValueError(f"no switch {', '.join(unknown)}; there are {', '.join(there)}")
    for name, value in wanted.items():
        if name in cloud.doors():
            await cloud.switch_door(name, str(value))
        else:
            _set(cloud, name, value)


def _set(cloud: "Cloud", name: str, value: Any) -> None:
    match name:
        case "secret":
            cloud.set_secret(value)
        case "revoked":
            cloud.exchange.revoked = {str(mailbox).lower() for mailbox in value}
        case "without_mailbox":
            cloud.exchange.without_mailbox = {str(name).lower() for name in value}
        case "auto_sign_in":
            cloud.auto_sign_in(str(value))
        case "public_client":
            cloud.entra.registration.public_client = _flag(name, value)
        case "security_defaults":
            cloud.entra.delegated.security_defaults = _flag(name, value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} is true or false, not {value!r}")  # noqa: TRY004 - answered as 400
    return value
