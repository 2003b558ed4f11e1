"""What stands beyond the text of a configuration: the secrets, certificates, keys and files it names, looked at now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from relay.config.aeskey import FOR_SPOOL, FOR_TOKENS, decoded_key
from relay.config.beyond_app import problems_of_proofs
from relay.config.certificate import CERTIFICATE, PRIVATE_KEY, authorities_problem, pair_problem
from relay.config.secret import SecretError, SecretRef, blemish
from relay.config.shape import shape_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay.config.complaint import Path as Place
    from relay.config.yamltree import Tree

_KEYS: dict[Place, str] = {
    ("token_store", "key"): FOR_TOKENS,
    ("spool", "encryption", "key"): FOR_SPOOL,
    ("spool", "encryption", "old_keys"): FOR_SPOOL,
}
_TLS = "tls"
_PEM = {CERTIFICATE, PRIVATE_KEY}  # spaces around it are no mistake


def problems_beyond(tree: Tree) -> Iterator[tuple[Place, str]]:
    """The place of each reference to something that can't be used, and what is wrong with it."""
    for place in tree.values:
        problem = _secret_problem(tree, place) or _file_problem(tree, place)
        if problem:
            yield place, problem
    yield from _pair_problem(tree)
    yield from problems_of_proofs(tree.data)


def _secret_problem(tree: Tree, place: Place) -> str:
    shape = shape_at(place)
    if shape is None or not shape.is_secret:
        return ""
    try:
        secret = _reference(tree, place)
        return "" if secret is None or place[-1] in _PEM else _blemish(place, secret, secret.read())
    except SecretError as error:
        return str(error)


def _blemish(place: Place, secret: SecretRef, value: str) -> str:
    command = _KEYS.get(place) or _KEYS.get(place[:-1])
    if command:
        try:
            decoded_key(value, command)
        except ValueError as error:
            return f"secret {secret}: {error}"
    return blemish(secret, value)


def _reference(tree: Tree, place: Place) -> SecretRef | None:
    """None where none was written, or a malformed one: that has been complained about already."""
    if place not in tree.values:
        return None
    try:
        return SecretRef.model_validate(tree.value(place))
    except ValidationError:
        return None


def _pair_problem(tree: Tree) -> Iterator[tuple[Place, str]]:
    certificate, key = (_reference(tree, (_TLS, name)) for name in (CERTIFICATE, PRIVATE_KEY))
    if certificate is None or key is None:
        return
    try:
        error = pair_problem(certificate.read(), key.read())
    except (SecretError, OSError):
        return  # the first has been told; without room for temporary files nothing can be said
    if error is not None:
        yield (_TLS, error.option), error.text


def _file_problem(tree: Tree, place: Place) -> str:
    shape = shape_at(place)
    value = tree.value(place)
    if shape is None or not place or place[-1] != "ca_file" or not isinstance(value, str):
        return ""
    try:
        return authorities_problem(Path(value))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable path"
        return f"cannot read {value}: {reason}; make the file exist and readable by the relay's user"
