"""What the pretend Entra remembers of sign-ins: authorization codes, device codes, refresh tokens, and their age.

Everything is kept until the end; `later` lets time pass for all of it at once.
"""

import secrets
import time
from dataclasses import dataclass, field

from relay.sandbox.people import User

CODE_LIFE_S = 600.0
DEVICE_CODE_LIFE_S = 900.0
REFRESH_LIFE_S = 90 * 24 * 3600.0
_USER_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(slots=True, kw_only=True)
class Code:
    """One authorization code and the request it answers."""

    user: User
    redirect_uri: str
    scope: str
    nonce: str
    challenge: str
    method: str
    born: float
    redeemed: bool = False


@dataclass(slots=True, kw_only=True)
class DeviceCode:
    """One device waiting for somebody to type its user code; `state` is pending, approved, declined or redeemed."""

    scope: str
    born: float
    user_code: str
    user: User | None = None
    state: str = "pending"
    polled: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """One refresh token; it stays good when it is replaced."""

    user: User
    scope: str
    born: float


@dataclass(slots=True)
class Grants:
    """The memory; `offset_s` is how far its clock is ahead."""

    offset_s: float = 0.0
    codes: dict[str, Code] = field(default_factory=dict)
    devices: dict[str, DeviceCode] = field(default_factory=dict)
    refreshes: dict[str, Refresh] = field(default_factory=dict)

    def now(self) -> float:
        """Seconds since the epoch, plus what was let pass."""
        return time.time() + self.offset_s

    def later(self, seconds: float) -> None:
        """Let time pass for everything remembered here."""
        self.offset_s += seconds

    def age(self, born: float) -> float:
        """How old something is."""
        return self.now() - born

    def new_code(self, code: Code) -> str:
        """Remember a code and return its text."""
        text = "1.A" + secrets.token_urlsafe(120)
        self.codes[text] = code
        return text

    def new_device(self, scope: str) -> tuple[str, DeviceCode]:
        """A device code's text and what is behind it."""
        user_code = "".join(secrets.choice(_USER_CODE_LETTERS) for _ in range(9))
        text, device = secrets.token_urlsafe(90), DeviceCode(scope=scope, born=self.now(), user_code=user_code)
        self.devices[text] = device
        return text, device

    def device_of(self, user_code: str) -> DeviceCode | None:
        """The device that shows this user code, or None."""
        wanted = user_code.strip().upper()
        return next((one for one in self.devices.values() if one.user_code == wanted), None)

    def new_refresh(self, user: User, scope: str) -> str:
        """Remember a refresh token and return its text."""
        text = "1.A" + secrets.token_urlsafe(400)
        self.refreshes[text] = Refresh(user=user, scope=scope, born=self.now())
        return text
