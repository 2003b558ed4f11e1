"""`relay authorize`: a person signs in for a delegated profile, once."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from relay.cli import names
from relay.cli.options import (
    BrokenConfig,
    ExitCode,
    LaterError,
    OutOfReachError,
    TellingError,
    UnavailableError,
    config_option,
    settings_from,
)
from relay.cli.paste import ask_for_answer
from relay.cli.progress import progress

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from relay.config.settings import Settings
    from relay.control.authorize import Authorization, AuthorizeError

_WAYS = """\
the redirect URI of its app, {uri}, is not on this machine. Choose one:
  --paste               works with every redirect URI: the address the browser ends at is pasted here
  --listen HOST:PORT    answers requests for {uri} here, behind a reverse proxy (or with --tls by itself)"""
_DEVICE_WARNING = (
    "Signing in with a device code is the fallback: tenants with security defaults, and many Conditional Access\n"
    "policies, block it (AADSTS530035, 53003). The app needs 'Allow public client flows'. The main way needs neither."
)


@click.command
@click.argument("profile", required=False, shell_complete=names.profiles)
@config_option
@click.option("--paste", is_flag=True, help="No browser here: paste the address that a browser elsewhere ends at.")
@click.option("--device-code", is_flag=True, help="Type a code elsewhere; many tenants block it.")
@click.option("--listen", metavar="HOST:PORT", help="Where to answer for an https redirect URI.")
@click.option("--tls", is_flag=True, help="With --listen: use the relay's own certificate, instead of plain HTTP.")
@click.option("--browser/--no-browser", default=True, help="Open the browser of this machine.  [default: if any]")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=600, show_default=True, help="Seconds to wait for the person."
)
@click.option("--new-key", is_flag=True, help="Only print a fresh key for token_store.key.")
def authorize(config: Path, profile: str | None, new_key: bool, **options: Any) -> int:
    """Sign in for a delegated profile.

    A browser signs in as the profile's person; the relay keeps the refresh token, encrypted, and from then on sends as
    that person. A running relay takes it up by itself. Needed once, and again only when Entra ends the sign-in.
    """
    from relay.control.authorize import Authorization, AuthorizeError
    from relay.control.authorize import new_key as fresh_key

    if new_key:
        click.echo(fresh_key())
        return ExitCode.DONE
    settings = settings_from(config)
    if profile is None or profile not in settings.profiles:
        raise click.UsageError(f"PROFILE: the configuration has {', '.join(settings.profiles)}")
    _check_usage(options)
    try:
        told = _signed_in(Authorization(settings, profile), settings, options)
    except AuthorizeError as error:
        raise _refused(error) from error
    if told is None:
        text = f"Nobody signed in within {options['timeout']:g} s; nothing has changed."
        raise LaterError(text)
    click.echo("\n".join(told))
    click.echo(_next_step(settings))
    return ExitCode.DONE


def _check_usage(options: dict[str, Any]) -> None:
    ways = [name for name in ("paste", "device_code", "listen") if options[name]]
    if len(ways) > 1:
        raise click.UsageError("--paste, --device-code and --listen exclude one another")
    if options["tls"] and not options["listen"]:
        raise click.UsageError("--tls goes with --listen")


def _signed_in(authorization: Authorization, settings: Settings, options: dict[str, Any]) -> list[str] | None:
    """What to tell; None when nobody came. Raises `AuthorizeError`."""
    if options["device_code"]:
        return _by_device_code(authorization, options["timeout"])
    if options["paste"]:
        return _by_paste(authorization)
    if options["listen"]:
        return _by_callback(authorization, _place(options["listen"]), options, _context(settings, options["tls"]))
    if not authorization.returns_here:
        raise click.UsageError(_WAYS.format(uri=authorization.redirect_uri))
    return _by_callback(authorization, ("127.0.0.1", authorization.returns_to_port), options, None)


def _by_callback(
    authorization: Authorization, place: tuple[str, int], options: dict[str, Any], context: ssl.SSLContext | None
) -> list[str] | None:
    from relay.control.callback import Callback

    try:
        callback = Callback(authorization, *place, context)
    except OSError as error:
        raise UnavailableError(
            f"cannot listen on {place[0]}:{place[1]}: {error.strerror or error}; stop what listens there, or --paste"
        ) from error
    here = authorization.returns_here and not options["listen"]
    uri = authorization.redirect_at(callback.port) if here else authorization.redirect_uri
    url = authorization.begin(uri)
    with callback:
        click.echo(
            f"Sign in as {authorization.person}. Open in a browser{' of this machine' if here else ''}:\n\n{url}\n"
        )
        _open_browser(url, wanted=options["browser"])
        click.echo(f"Waiting at {place[0]}:{callback.port} for the browser to come back …")
        click.echo("Ctrl-C gives up. Where there is no browser: --paste")
        with progress("waiting for the sign-in"):
            return callback.wait(options["timeout"])


def _by_paste(authorization: Authorization) -> list[str]:
    url = authorization.begin(authorization.redirect_uri)
    click.echo(f"Sign in as {authorization.person}. Open in any browser:\n\n{url}\n")
    click.echo(
        f"The browser ends at {authorization.redirect_uri}…, a page that may well not load. Copy its whole address\n"
        "and paste it here, within a few minutes."
    )
    answer = ask_for_answer(authorization.is_mine)
    if answer is None:
        raise click.ClickException("no answer to this sign-in was pasted; nothing has changed")
    return authorization.finish(answer)


def _by_device_code(authorization: Authorization, timeout_s: float) -> list[str]:
    import time

    click.echo(_DEVICE_WARNING, err=True)
    code = authorization.begin_device()
    until = min(code.expires_at, time.time() + timeout_s)
    click.echo(f"Sign in as {authorization.person}. Open {code.url} in any browser and type the code {code.code}")
    with progress("waiting for the sign-in"):
        return authorization.finish_device(lambda: time.time() > until)


def _place(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise click.UsageError(f"--listen {listen}: name a host and a port, such as 127.0.0.1:8400")
    return host.strip("[]"), int(port)


def _context(settings: Settings, tls: bool) -> ssl.SSLContext | None:
    from relay.config.certificate import CertificateError
    from relay.config.secret import SecretError
    from relay.control.callback import own_certificate

    try:
        return own_certificate(settings) if tls else None
    except (SecretError, CertificateError, OSError) as error:
        raise BrokenConfig(f"the relay's own certificate: {error}") from error


def _open_browser(url: str, *, wanted: bool) -> None:
    """Where there is a desktop; elsewhere Python would start a browser in this terminal."""
    desktop = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if wanted and desktop:
        import webbrowser

        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(url)


def _refused(error: AuthorizeError) -> TellingError:
    from relay.control.authorize import Why

    kinds = {
        Why.REFUSED: TellingError,
        Why.LATER: LaterError,
        Why.UNREACHABLE: OutOfReachError,
        Why.CONFIGURATION: BrokenConfig,
    }
    return kinds[error.why](str(error))


def _next_step(settings: Settings) -> str:
    return (
        f"A running relay takes it up within {settings.delivery.recheck_s:g} s (delivery.recheck_s); at once after a "
        "reload: systemctl reload relay, or kill -HUP"
    )
