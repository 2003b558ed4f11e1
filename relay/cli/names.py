"""Names of the configuration that a shell completes: profiles and devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.cli.options import DEFAULT_CONFIG

if TYPE_CHECKING:
    import click

    from relay.config.settings import Settings


def profiles(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Those that begin so; none where the configuration can't be read."""
    settings = _settings(context)
    return [] if settings is None else [name for name in settings.profiles if name.startswith(begun)]


def devices(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The same for devices."""
    settings = _settings(context)
    return [] if settings is None else [name for name in settings.devices if name.startswith(begun)]


def _settings(context: click.Context) -> Settings | None:
    """As far as typed: --config, else the variable, else the usual place."""
    from relay.config.loader import ConfigError, load

    try:
        return load(context.params.get("config") or DEFAULT_CONFIG)
    except ConfigError:
        return None
