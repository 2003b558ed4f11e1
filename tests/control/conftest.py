"""A pretend Microsoft 365 and configurations that use it, each as small as its test needs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import yaml

from relay.config.loader import parse
from relay.control.doctor import Doctor, Wish
from relay.sandbox.cloud import Cloud, CloudOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from relay.config.settings import Settings
    from relay.control.doctor import Examination

MAILBOX, CANARY = "scanner@contoso.test", "ceo@contoso.test"


def configuration(cloud: Cloud, *, app: dict[str, Any] | None = None, **profile: Any) -> dict[str, Any]:
    """One app and one profile `scans` of the running cloud, changed as told."""
    at = cloud.settings
    endpoint = {"host": at.smtp_host, "port": at.smtp_port, "ca_file": str(at.ca_file)}
    whole_app = {
        "tenant": at.tenant, "client_id": at.client_id, "authority": at.authority, "scope": at.scope,
        "ca_file": str(at.ca_file), "credential": {"secret": {"file": str(at.secret_file)}, "expires": "2999-12-31"},
    } | (app or {})  # fmt: skip
    return {
        "data_dir": "/nonexistent/data",
        "hostname": "relay.test",
        "listeners": [{"listen": "127.0.0.1:2525", "tls": "none"}],
        "apps": {"contoso": whole_app},
        "profiles": {
            "scans": {"app": "contoso", "mailbox": MAILBOX, "from": "mailbox", "endpoint": endpoint} | profile
        },
        "outgoing": {"address_family": "ipv4"},
        "delivery": {"connect_timeout_s": 5, "reply_timeout_s": 5},
    }


def by_graph(cloud: Cloud, **profile: Any) -> dict[str, Any]:
    """The same by transport graph."""
    at = cloud.settings
    graph = {"url": at.graph_url, "ca_file": str(at.ca_file)}
    return configuration(cloud, app={"graph_scope": at.graph_scope}, transport="graph", graph=graph, **profile)


@asynccontextmanager
async def tenant(**options: Any) -> AsyncIterator[Cloud]:
    """A running cloud in which the app may use the scanner's mailbox, and not the chief executive's."""
    async with Cloud(CloudOptions(**options)) as cloud:
        yield cloud


async def examined(whole: dict[str, Any], wish: Wish | None = None, name: str = "scans") -> Examination:
    """What the doctor finds about one profile on its first way."""
    settings: Settings = parse(yaml.safe_dump(whole))
    doctor = Doctor(settings, wish or Wish())
    return await doctor.examine(name, doctor.ways(name)[0], lambda step: None)


def steps(found: Examination) -> dict[str, str]:
    """Each step's name with how it ended."""
    return {step.name: str(step.state) for step in found.steps}


def step(found: Examination, name: str) -> Any:
    """The step of that name."""
    return next(each for each in found.steps if each.name == name)
