"""The example configuration, printed out of the settings: every option with its manual sentence.

What an administrator has to fill in is written out; every other option stands there commented out (`#name: value`)
with its default, or with an example where the default is empty. Removing the `#` must give a valid configuration.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel

from relay.config.settings import Settings
from relay.config.shape import option_fields, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

_WIDTH = 110
_HEAD = """\
# The relay's configuration. Devices hand in mail by plain SMTP; it leaves for Exchange Online with OAuth2.
#
# Lines that start with "#name:" are options at their default (or an example): remove the # to change them.
# Times are in seconds, sizes in bytes. A secret is never written here, only where it is kept:
#   {env: NAME}         an environment variable
#   {file: /path}       a file
#   {credential: NAME}  a systemd credential (LoadCredential=) or a Docker secret
# Check the file with: relay check --config FILE
"""

EXAMPLE: dict[str, Any] = {
    "data_dir": "/var/lib/relay",
    "listeners": [{"listen": "0.0.0.0:2525", "tls": "optional", "auth": "optional"}],
    "apps": {
        "contoso": {
            "cloud": "worldwide",
            "tenant": "contoso.onmicrosoft.com",
            "client_id": "11111111-2222-3333-4444-555555555555",
            "credential": {"secret": {"env": "CONTOSO_SECRET"}},
        }
    },
    "profiles": {"scans": {"app": "contoso", "mailbox": "scanner@contoso.com", "from": "mailbox"}},
    "devices": {
        "copier-2nd-floor": {"address": "10.0.2.17", "profile": "scans", "recipients": ["*@contoso.com"]},
        "erp": {"login": {"username": "erp", "password": {"env": "ERP_PASSWORD"}}, "profile": "scans"},
    },
}


def example() -> str:
    """The text of config.example.yaml."""
    lines = [_HEAD]
    for name, field in option_fields(Settings).items():
        lines += [*_option(name, field, EXAMPLE, ""), ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(model: type[BaseModel], values: dict[str, Any], indent: str) -> Iterator[str]:
    for name, field in option_fields(model).items():
        yield from _option(name, field, values, indent)


def _option(name: str, field: FieldInfo, values: dict[str, Any], indent: str) -> Iterator[str]:
    yield from comment(field.description or "", indent)
    model = model_of(field.annotation)
    if name in values:
        yield from _written(name, field, values[name], indent)
    elif model and field.default is not None and issubclass(type(field.default), model):
        yield f"{indent}{name}:"
        yield from _section(model, {}, indent + "  ")
    elif field.default_factory is not None and field.examples:
        yield f"{indent}{name}:"
        yield from (f"{indent}  #{entry}: {flow(value)}" for entry, value in field.examples[0].items())
    else:
        yield f"{indent}#{name}: {flow(suggestion(field))}"


def _written(name: str, field: FieldInfo, value: Any, indent: str) -> Iterator[str]:
    below = item_model(field.annotation)
    if isinstance(value, dict) and below:
        yield f"{indent}{name}:"
        yield from _entries(below, value, indent + "  ")
    elif isinstance(value, list) and below:
        yield f"{indent}{name}:"
        for item in value:
            yield from _list_item(below, item, indent + "  ")
    else:
        yield f"{indent}{name}: {flow(value)}"


def _entries(model: type[BaseModel], entries: dict[str, Any], indent: str) -> Iterator[str]:
    """The first entry with every option explained, the others in one line each."""
    for number, (name, values) in enumerate(entries.items()):
        if number:
            yield f"{indent}{name}: {flow(values)}"
        else:
            yield f"{indent}{name}:"
            yield from _section(model, values, indent + "  ")


def _list_item(model: type[BaseModel], values: dict[str, Any], indent: str) -> Iterator[str]:
    """The options of one item; the dash stands before the first one that is not a comment."""
    lines = list(_section(model, values, indent + "  "))
    first = next(number for number, line in enumerate(lines) if not line.lstrip().startswith("#"))
    yield from (f"{indent}{line.lstrip()}" for line in lines[:first])
    yield f"{indent}- {lines[first].lstrip()}"
    yield from lines[first + 1 :]


def comment(text: str, indent: str) -> Iterator[str]:
    """A text as comment lines."""
    prefix = f"{indent}# "
    yield from textwrap.wrap(text, _WIDTH, initial_indent=prefix, subsequent_indent=prefix)


def suggestion(field: FieldInfo) -> Any:
    """What stands behind an option that is commented out: its default, else an example."""
    has_default = not field.is_required() and field.default not in (None, "", ())
    return field.default if has_default else (field.examples or [""])[0]


def flow(value: Any) -> str:
    """A value in one line of YAML."""
    value = [_bare(item) for item in value] if isinstance(value, tuple) else value
    text = yaml.safe_dump(_bare(value), default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def _bare(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, list, dict)) else str(value)


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The section that an option is, if it is one."""
    kind = plain(annotation)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def item_model(annotation: Any) -> type[BaseModel] | None:
    """The section that each entry of a list or of a named collection is."""
    arguments = [item for item in getattr(plain(annotation), "__args__", ()) if item is not Ellipsis]
    return model_of(arguments[-1]) if arguments else None
