"""The configuration of these tests: a listener of each kind; devices by loopback address, one for each From policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from tests.certificate import keep

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.pretend import PretendCloud

LISTENERS = {
    "plain": {"tls": "none", "auth": "optional"},
    "starttls": {"tls": "optional", "auth": "optional"},
    "strict": {"tls": "required", "auth": "required"},
    "implicit": {"tls": "implicit", "auth": "optional"},
    "closed": {"tls": "none", "auth": "none"},
}
COPIER, KEEPER, PERSON, NARROW, BUSY, STRANGER = (f"127.0.0.{n}" for n in (1, 2, 3, 4, 5, 99))
USER, PASSWORD = "erp", "pass: w0rd=\\"


def configuration(cloud: PretendCloud, directory: Path, **changes: Any) -> dict[str, Any]:
    """The whole configuration as a mapping; `changes` are merged into its sections."""
    at = cloud.settings
    keep(directory / "data")
    secret = _secrets(cloud, directory)
    endpoint = {"host": at.smtp_host, "port": at.smtp_port, "ca_file": str(at.ca_file)}
    graph = {"url": at.graph_url, "ca_file": str(at.ca_file)}  # where the ends of secrets are asked: never Microsoft
    profiles = {
        "box": ("box@contoso.test", "mailbox"),
        "keep": ("keep@contoso.test", "keep"),
        "person": ("person@contoso.test", "person"),
        "busy": ("busy@contoso.test", "mailbox"),
    }
    whole: dict[str, Any] = {
        "data_dir": str(directory / "data"),
        "hostname": "relay.test",
        "listeners": [{"listen": "127.0.0.1:0", **kind} for kind in LISTENERS.values()],
        "apps": {
            "contoso": {
                "tenant": at.tenant,
                "client_id": at.client_id,
                "authority": at.authority,
                "ca_file": str(at.ca_file),
                "credential": {"secret": {"file": str(secret)}},
            }
        },
        "profiles": {
            name: {"app": "contoso", "mailbox": mailbox, "from": policy, "endpoint": endpoint, "graph": graph}
            for name, (mailbox, policy) in profiles.items()
        },
        "devices": {
            "copier": {"address": COPIER, "profile": "box"},
            "keeper": {"address": KEEPER, "profile": "keep"},
            "person": {"address": PERSON, "profile": "person"},
            "narrow": {"address": NARROW, "profile": "box", "recipients": ["*@contoso.test"]},
            "busy": {"address": BUSY, "profile": "busy"},
            "erp": {
                "login": {"username": USER, "password": {"file": str(directory / "device-password")}},
                "profile": "box",
            },
        },
        "limits": {"messages_per_minute": 0, "sessions": 2},
        "intake": {"max_message_size": 40_000_000},
        "spool": {"min_free_bytes": 0},
        "delivery": {"retry_s": [0.1, 0.2], "recheck_s": 0.2},
        "http": {"listen": ""},
        "log": {"format": "json"},
    }
    return merged(whole, changes)


def _secrets(cloud: PretendCloud, directory: Path) -> Path:
    """The files of the device's password and of the app's secret, which is left as it is when it is there."""
    (directory / "device-password").write_text(PASSWORD + "\n")
    secret = directory / "app-secret"
    if not secret.exists():
        secret.write_text(cloud.settings.client_secret + "\n")
    return secret


def write(path: Path, settings: dict[str, Any]) -> Path:
    """Writes a configuration where a relay reads it."""
    path.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    return path


def merged(whole: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Changes put into a configuration, section by section."""
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(whole.get(name), dict):
            whole[name] = merged(whole[name], value)
        else:
            whole[name] = value
    return whole
