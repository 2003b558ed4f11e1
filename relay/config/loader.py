"""From a YAML file to `Settings`, with every mistake at once.

Neither `load` nor `check` raises anything but `ConfigError`, whatever the file holds, and neither shows a secret that
somebody wrote in plain. `load` does not look at secrets: they are read when they are needed, so that the relay starts
while one is missing. `check` does look.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from relay.config.complaint import Complaint, ConfigError, option_name
from relay.config.crosscheck import crosscheck
from relay.config.explain import explain_all, renamed_options, unknown_option
from relay.config.remarks import remarks
from relay.config.settings import Settings
from relay.config.shape import in_secret
from relay.config.yamltree import Tree, TreeError, grow

if TYPE_CHECKING:
    import os

    from relay.config.finding import Finding

_LARGEST_FILE = 16 * 1024 * 1024

__all__ = ["Complaint", "ConfigError", "check", "digest", "load", "notes", "parse"]


def load(path: str | os.PathLike[str], meant: str = "") -> Settings:
    """The settings in a file. Raises `ConfigError` with every complaint; also when the file is not the one that is
    meant, of which that is the `digest`.
    """
    raw = _raw(Path(path))
    if meant and digest(raw) != meant:
        raise _whole_file(str(path), "has changed since its changes were shown", "look at its changes again")
    return parse(_decoded(raw, str(path)), str(path))


def digest(octets: bytes) -> str:
    """What a file is known by."""
    return hashlib.sha256(octets).hexdigest()


def parse(text: str, file: str = "configuration") -> Settings:
    """The settings in a YAML text. Raises `ConfigError` with every complaint; `file` is named in them."""
    settings, complaints = _judge(_tree(text, file), file)
    if settings is None or complaints:
        raise ConfigError(_in_order(complaints))
    return settings


def check(path: str | os.PathLike[str]) -> list[Complaint]:
    """Everything wrong with a file, secrets and certificates that cannot be used included; empty: nothing."""
    file = str(path)
    try:
        tree = _tree(_text(Path(path)), file)
    except ConfigError as error:
        return error.complaints
    return _in_order([*_judge(tree, file)[1], *_unusable(tree, file)])


def notes(path: str | os.PathLike[str]) -> list[Complaint]:
    """What is worth knowing about a file that is good: what was understood of an address, what needs a right in
    Exchange. Raises `ConfigError` for one that is not.
    """
    file = str(path)
    tree = _tree(_text(Path(path)), file)
    settings, complaints = _judge(tree, file)
    if settings is None or complaints:
        raise ConfigError(_in_order(complaints))
    return _in_order([_contradiction(remark, tree, file) for remark in remarks(settings, tree.data)])


def _text(path: Path) -> str:
    return _decoded(_raw(path), str(path))


def _raw(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable path"
        remedy = "name a file the relay's user may read (--config FILE or RELAY_CONFIG), or make one: relay init"
        raise _whole_file(str(path), f"cannot be read: {reason}", remedy) from None
    if len(raw) > _LARGEST_FILE:
        raise _whole_file(str(path), "is larger than 16 MiB; this is not a configuration", "")
    return raw


def _decoded(raw: bytes, file: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        complaint = Complaint(file, line, column, "", "not UTF-8 text", remedy="save the file as UTF-8")
        raise ConfigError([complaint]) from None


def _whole_file(file: str, what: str, remedy: str) -> ConfigError:
    return ConfigError([Complaint(file, 0, 0, "", what, remedy=remedy)])


def _tree(text: str, file: str) -> Tree:
    try:
        tree = grow(text)
    except TreeError as error:
        raise ConfigError([Complaint(file, *error.position, "", error.text)]) from None
    if tree.data is None:
        tree.data = {}
    if not isinstance(tree.data, dict):
        raise ConfigError([Complaint(file, 1, 1, "", "must be a list of options, each `name: value`")])
    return tree


def _judge(tree: Tree, file: str) -> tuple[Settings | None, list[Complaint]]:
    complaints = [Complaint(file, *slip.position, option_name(_masked(slip.path)), slip.what) for slip in tree.slips]
    complaints += [unknown_option(path, tree, file) for path in renamed_options(tree)]
    complaints += [_contradiction(finding, tree, file) for finding in crosscheck(tree.data)]
    try:
        return Settings.model_validate(tree.data), complaints
    except ValidationError as error:
        # The models run the cross-check too, for those who build them in code: here it has been reported already.
        details = [
            item for item in error.errors(include_url=False)
            if item["type"] != "crosscheck" and not _told_under_defaults(item["loc"], tree)
        ]  # fmt: skip
        complaints += explain_all(details, tree, file)
        return None, complaints


def _told_under_defaults(location: tuple[int | str, ...], tree: Tree) -> bool:
    """Whether a device is blamed for an option that it inherits."""
    option = tuple(location[:3])
    inherits = len(option) == 3 and option[0] == "devices" and option not in tree.names
    return inherits and ("defaults", option[2]) in tree.names


def _masked(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Without the last step where that step was written inside a secret."""
    return path[:-1] if path and in_secret(path[:-1]) else path


def _contradiction(finding: Finding, tree: Tree, file: str) -> Complaint:
    line, column = tree.position(finding.path)
    return Complaint(
        file,
        line,
        column,
        option_name(finding.path),
        finding.what,
        found=f"'{finding.found}'" if finding.found else "",
        allowed=finding.allowed,
        nearest=finding.nearest,
        remedy=finding.remedy,
    )


def _unusable(tree: Tree, file: str) -> list[Complaint]:
    from relay.config.beyond import problems_beyond  # certificates cost 10 MB, and the service does not look

    return [
        Complaint(file, *tree.position(path), option_name(path), problem) for path, problem in problems_beyond(tree)
    ]


def _in_order(complaints: list[Complaint]) -> list[Complaint]:
    return sorted(dict.fromkeys(complaints), key=lambda item: (item.line, item.column))
