"""The options of devices: who they are, and what they may do. What `defaults` sets holds for each that says nothing.

Parts of `relay.config.settings`, which is where others import them from.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, Field, ValidatorFunctionWrapHandler, field_validator, model_validator

from relay.config.network import Network, network_of
from relay.config.outbound import FromPolicy  # noqa: TC001  (pydantic needs it at run time)
from relay.config.password import PATTERN, usable
from relay.config.secret import IGNORED, SecretRef
from relay.config.section import Mail, Patience, Positive, Section, Text, can_match

NULL_SENDER = "<>"


class DeviceTls(StrEnum):
    """Encryption of one device."""

    OPTIONAL = "optional"
    REQUIRED = "required"


class Answer(StrEnum):
    """When the device hears what became of its message."""

    STORED = "stored"
    DELIVERED = "delivered"


class Login(Section):
    """User name and password a device signs in with."""

    username: Text = Field(description="The user name set in the device.", examples=["erp"])
    password: SecretRef | None = Field(
        default=None,
        description="Where the password set in the device is kept; or ignored: any password is taken, for devices that "
        "insist on sending junk, and only together with an address.",
        examples=[{"env": "ERP_PASSWORD"}],
        json_schema_extra=lambda schema: _or_the_word(schema),
    )
    password_hash: str | None = Field(
        default=None,
        pattern=PATTERN,
        description="Instead of password: the line that `relay device password` prints.",
        examples=["scrypt$16384$8$1$…$…"],
        json_schema_extra={"writeOnly": True},
    )

    @field_validator("password", mode="wrap")
    @classmethod
    def _or_ignored(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        return IGNORED if value == str(IGNORED) else handler(value)

    @field_validator("password_hash")
    @classmethod
    def _is_usable(cls, value: str | None) -> str | None:
        return value if value is None else usable(value)

    @model_validator(mode="after")
    def _one_way(self) -> Login:
        if (self.password is None) == (self.password_hash is None):
            raise ValueError("a login has either password or password_hash")
        return self

    @property
    def any_password(self) -> bool:
        """Whether the password is not looked at."""
        return self.password is IGNORED


class DeviceIdentity(Section):
    """How a device is known: by its address, by a login, or by both together; the most specific one wins."""

    address: str | None = Field(
        default=None,
        description="IP address the device sends from, or a network such as 10.0.3.0/24.",
        examples=["10.0.2.17"],
    )
    login: Login | None = Field(
        default=None,
        description="User name and password the device signs in with; instead of the password its hash may stand here "
        "(password_hash: scrypt$…, printed by `relay device password`).",
        examples=[{"username": "copier", "password": {"file": "/etc/relay/copier.password"}}],
    )

    @field_validator("address")
    @classmethod
    def _is_network(cls, value: str | None) -> str | None:
        if value is not None:
            network_of(value)
        return value

    @property
    def network(self) -> Network | None:
        """The address as a network (a single address: /32 or /128); None when the device is known by login alone."""
        return None if self.address is None else network_of(self.address)


class DeviceOptions(Section):
    """What devices may do. Under `defaults` it holds for every device that does not set the option itself."""

    profile: str | None = Field(
        default=None,
        description="Name of the sender profile (under profiles) its mail leaves by.",
        examples=["scans"],
    )
    from_policy: FromPolicy | None = Field(
        default=None,
        alias="from",
        description="The From policy for this device; not set: its profile's.",
        examples=["person"],
    )
    tls: DeviceTls = Field(
        default=DeviceTls.OPTIONAL,
        description="Encryption of this device, beside what its listener asks: optional, or required (mail in clear is "
        "refused).",
    )
    recipients: tuple[Text, ...] = Field(
        default=("*",),
        min_length=1,
        description="Recipients it may write to; * stands for any characters.",
        examples=[["*@contoso.com"]],
    )
    senders: tuple[Text, ...] = Field(
        default=("*",),
        min_length=1,
        description="Senders it may name in MAIL FROM and in the From of the message; * stands for any characters, "
        "<> for the empty sender.",
        examples=[["scanner@contoso.com", "*@print.contoso.com"]],
    )
    max_message_size: Positive | None = Field(
        default=None,
        description="Largest message in bytes from this device; not set: what the listener and intake allow.",
        examples=[10_485_760],
    )
    messages_per_hour: Positive | None = Field(
        default=None,
        description="Most messages it may hand in within any 60 minutes; not set: no limit.",
        examples=[200],
    )
    answer: Answer = Field(
        default=Answer.STORED,
        description="When the device hears 250: stored (as soon as the message is safe on the disk), delivered (after "
        "the first attempt, so that a permanent refusal of Exchange is shown on the device; what takes longer than "
        "answer_within_s, or is tried again later, is 250).",
    )
    answer_within_s: Patience = Field(
        default=15, le=300, description="With answer: delivered, seconds the device waits at most for the attempt."
    )
    owner: Mail | None = Field(
        default=None,
        description="Mail address of whoever looks after the device.",
        examples=["facilities@contoso.com"],
    )

    @field_validator("recipients")
    @classmethod
    def _recipients_can_match(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return can_match(patterns)

    @field_validator("senders")
    @classmethod
    def _senders_can_match(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return can_match(patterns, NULL_SENDER)


class Device(DeviceOptions, DeviceIdentity):
    """A device or application that may hand in mail: known by its address, by a login, or by both together."""

    model_config = ConfigDict(json_schema_extra=lambda schema: _may_be_inherited(schema))

    profile: str = Field(
        description="Name of the sender profile (under profiles) its mail leaves by.", examples=["scans"]
    )

    @model_validator(mode="after")
    def _can_be_known(self) -> Device:
        if self.address is None and self.login is None:
            raise ValueError("a device needs address, login or both, or it could never be recognised")
        anywhere = self.network is None or self.network.prefixlen == 0
        if anywhere and self.login is not None and self.login.any_password:
            raise ValueError("password: ignored lets anybody in who names the user; it needs an address beside it")
        return self


def _may_be_inherited(schema: dict[str, Any]) -> None:
    """In an editor a device may lack what `defaults` has; whether it has is the check's to say."""
    schema.pop("required", None)


def _or_the_word(schema: Any) -> None:
    schema["anyOf"] = [*schema.get("anyOf", ()), {"const": str(IGNORED)}]


def inherited(tree: Any) -> Any:
    """A configuration as plain dicts in which each device has, beside its own options, those of `defaults`."""
    if not isinstance(tree, dict) or not isinstance(tree.get("defaults"), dict):
        return tree
    devices = tree.get("devices")
    if not isinstance(devices, dict):
        return tree
    shared = {name: value for name, value in tree["defaults"].items() if name in _HERITABLE and value is not None}
    return {**tree, "devices": {name: _with(shared, device) for name, device in devices.items()}}


def _with(shared: dict[str, Any], device: Any) -> Any:
    if not isinstance(device, dict):
        return device
    return {**shared, **{name: value for name, value in device.items() if value is not None or name not in shared}}


_HERITABLE = frozenset(field.alias or name for name, field in DeviceOptions.model_fields.items())
