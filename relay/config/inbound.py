"""The options of the side that faces devices: its certificate, how much mail it takes, and how patient it is.

Parts of `relay.config.settings`, which is where others import them from.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, field_validator, model_validator

from relay.config.secret import SecretRef  # noqa: TC001  (pydantic needs it at run time)
from relay.config.section import Patience, Positive, Seconds, Section
from relay.message.mend_words import WESTERN, decodes


class Unrepairable(StrEnum):
    """What becomes of a message with damage that can't be repaired safely."""

    PASS = "pass"
    REFUSE = "refuse"


class Tls(Section):
    """The relay's own certificate, shown to devices. Absent: a self-signed one is made once and kept in data_dir."""

    certificate: SecretRef | None = Field(
        default=None,
        description="The certificate chain, PEM.",
        examples=[{"file": "/etc/relay/tls.crt"}],
    )
    private_key: SecretRef | None = Field(
        default=None,
        description="The private key that belongs to it, PEM, without a passphrase.",
        examples=[{"file": "/etc/relay/tls.key"}],
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Tls:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key belong together: give both or none")
        return self


class Intake(Section):
    """What devices may hand in, and how long they may take."""

    max_message_size: Positive = Field(default=36_700_160, description="Largest message in bytes, as sent.")
    max_recipients: Positive = Field(default=500, description="Most recipients of one message.")
    max_sessions: Positive = Field(default=1000, description="Most connections at the same time, on all listeners.")
    max_sessions_per_address: Positive = Field(
        default=100,
        description="Most connections at the same time from one address; more get a 421. "
        "A print server or a router stands for all devices behind it.",
    )
    max_commands: Positive = Field(
        default=1000,
        description="Most commands of a connection without a message stored; recipients are counted by max_recipients.",
    )
    max_errors: Positive = Field(
        default=20, description="Most commands of a connection that were no good, without a message stored."
    )
    max_login_failures: Positive = Field(
        default=10,
        description="Wrong passwords in a row, from one address with one user name, that block both together; "
        "five times as many with any names block the address for names that never logged in from it.",
    )
    login_block_s: Patience = Field(
        default=300,
        description="Seconds the first such block lasts; each failure after it doubles that, up to an hour.",
    )
    command_timeout_s: Patience = Field(default=300, description="Seconds a device may take for one command.")
    session_timeout_s: Patience = Field(
        default=3600,
        description="Seconds a connection may stay without a message stored; one that is coming in is not cut by this.",
    )
    data_timeout_s: Patience = Field(default=600, description="Seconds without a byte while a message comes in.")
    min_bytes_per_s: Seconds = Field(
        default=100,
        description="Least bytes per second of a message that comes in, over each stretch of data_timeout_s: "
        "a scanner may pause between pages, a trickle is cut off. 0: any pace.",
    )
    charset: str = Field(
        default=WESTERN,
        description="Charset of octets beyond ASCII that no label tells of, and that look like neither UTF-8 nor "
        "Shift_JIS: such as windows-1251 where devices speak Russian.",
        examples=["windows-1251"],
    )
    unrepairable: Unrepairable = Field(
        default=Unrepairable.PASS,
        description="What becomes of a message with damage that can't be repaired safely, such as octets beyond ASCII "
        "in a signed part. pass: it goes on as it is, and the journal names the damage in left; "
        "refuse: the device gets a 554 with the reason.",
    )

    @field_validator("charset")
    @classmethod
    def _known(cls, charset: str) -> str:
        if not decodes(b"", charset):
            raise ValueError("not a charset of mail, such as windows-1252, iso-8859-2, shift_jis, gb18030")
        return charset
