"""References to secrets: where a value is kept, never the value itself.

A reference names an environment variable, a file, or a credential handed over by systemd or Docker. It is read late and
read again every time, so that a rotated secret is taken up without a restart. Its repr shows where the secret is kept,
never the secret, and no error raised here ever carries the value.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

_SHORT = re.compile(r"^(env|file|cred|credential):(.+)$", re.DOTALL)
_DOCKER_SECRETS = "/run/secrets"
REMEDY = "name where it is kept: {env: NAME}, {file: /path} or {credential: NAME}"


class SecretError(Exception):
    """A secret that could not be read; the text names the reference, what happened and what to do."""


class SecretRef(BaseModel):
    """Where a secret is kept: in an environment variable, a file, or a credential of the service manager."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, json_schema_extra=lambda schema: _both_forms(schema)
    )

    env: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Name of an environment variable.",
        examples=["CONTOSO_SECRET"],
    )
    file: Path | None = Field(
        default=None, description="Path of a file that holds the secret.", examples=["/etc/relay/contoso.secret"]
    )
    credential: str | None = Field(
        default=None,
        pattern=r"^[^/\x00]+$",
        description="Name of a systemd credential (LoadCredential=), or of a Docker secret under /run/secrets.",
        examples=["contoso-secret"],
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return _from_text(value)
        if isinstance(value, (dict, SecretRef)):
            return value
        raise _plain()

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretRef:
        if sum(part is not None for part in (self.env, self.file, self.credential)) != 1:
            raise PydanticCustomError("secret_choice", "a secret has exactly one source; " + REMEDY)
        return self

    def __str__(self) -> str:
        """The short form, as an operator writes it: `env:NAME`, `file:/path`, `cred:NAME`."""
        if self.env is not None:
            return f"env:{self.env}"
        return f"file:{self.file}" if self.file is not None else f"cred:{self.credential}"

    def read(self) -> str:
        """The secret as it is now, one trailing newline taken off. Raises `SecretError`."""
        value = self._from_environment(self.env) if self.env is not None else self._from_file(self._path())
        if not value:
            raise SecretError(f"secret {self} is empty; put the value there")
        return value

    def _from_environment(self, name: str) -> str:
        value = os.environ.get(name)
        if value is None:
            raise SecretError(f"secret {self}: the environment variable is not set; set {name} for the relay's process")
        return _one_newline_less(value)

    def _path(self) -> Path:
        if self.file is not None:
            return self.file
        return Path(os.environ.get("CREDENTIALS_DIRECTORY") or _DOCKER_SECRETS, self.credential or "")

    def _from_file(self, path: Path) -> str:
        try:
            return _one_newline_less(path.read_bytes().decode("utf-8"))
        except UnicodeDecodeError:
            # The cause holds the bytes of the secret: it must not travel on with the error.
            raise SecretError(f"secret {self}: {path} is not UTF-8 text; save it as plain text") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a usable path"
            raise SecretError(
                f"secret {self}: cannot read {path}: {reason}; make the file exist and readable by the relay's user"
            ) from None


class _Ignored(SecretRef):
    """In the place of a password: it is not looked at."""

    def __str__(self) -> str:
        return "ignored"

    def read(self) -> str:
        raise SecretError("the password of this login is ignored: there is none to read")


IGNORED = _Ignored.model_construct()


class TypedSecret(SecretRef):
    """A secret that somebody types to try it: in memory alone, in no repr and no dump; no file can say one."""

    _value: str = PrivateAttr(default="")

    @classmethod
    def of(cls, value: str) -> TypedSecret:
        """That secret."""
        made = cls.model_construct()
        made._value = value  # noqa: SLF001  (its own)
        return made

    def __str__(self) -> str:
        return "that was typed"

    def read(self) -> str:
        """As it was typed."""
        return self._value


def blemish(secret: SecretRef, value: str) -> str:
    """What an editor or a copy left around a secret, in words that do not show it; empty when it is clean."""
    if value.startswith("\ufeff"):
        return f"secret {secret} starts with a BOM (byte order mark); save it as UTF-8 without one"
    if value != value.strip():
        return f"secret {secret} has spaces or line ends around it; remove them"
    return ""


def _both_forms(schema: dict[str, Any]) -> None:
    """JSON Schema: the long form with exactly one source, or the short form."""
    long = dict(schema) | {"minProperties": 1, "maxProperties": 1}
    for name in ("title", "description"):
        long.pop(name, None)
    kept = {name: schema[name] for name in ("title", "description") if name in schema}
    schema.clear()
    schema.update(kept | {"anyOf": [long, {"type": "string", "pattern": _SHORT.pattern}]})


def _from_text(text: str) -> dict[str, str]:
    match = _SHORT.match(text)
    if not match:
        raise _plain()
    return {"credential" if match[1] == "cred" else match[1]: match[2]}


def _plain() -> PydanticCustomError:
    return PydanticCustomError("secret_plain", "a secret is never written here; " + REMEDY)


def _one_newline_less(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
