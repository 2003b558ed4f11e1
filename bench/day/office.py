"""The devices of an office and what they send on a working day, drawn from one seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from bench.day.exchange import Outage

# How busy each hour is: people come at eight, and scan what lies there; a second, lower peak after lunch.
_HOURS = (1, 1, 1, 1, 1, 2, 6, 25, 60, 55, 35, 25, 18, 35, 30, 22, 16, 10, 5, 3, 2, 1, 1, 1)
_MB = 1_000_000


@dataclass(frozen=True)
class Scenario:
    """A day, or a part of it; `begins` and `hours` in hours of the day, outages in hours too."""

    seed: int = 1
    devices: int = 300
    mailboxes: int = 40
    begins: float = 0.0
    hours: float = 24.0
    mean: float = 60.0  # messages of a device and day
    outages: tuple[tuple[str, float, float], ...] = (("exchange", 9.25, 10.0), ("entra", 14.0, 14.5))

    def outages_at(self, midnight: float) -> tuple[Outage, ...]:
        return tuple(
            Outage(what, midnight + begins * 3600, midnight + ends * 3600) for what, begins, ends in self.outages
        )


@dataclass(frozen=True, order=True)
class Mail:
    """One message on its way to the relay; `at` in seconds after midnight."""

    at: float
    device: str
    mailbox: str
    size: int
    recipients: int
    interactive: bool


def mailbox_of(number: int) -> str:
    return f"scan{number:02}@contoso.test"


def mail_of(scenario: Scenario) -> list[Mail]:
    """Everything the devices send, in order of time."""
    luck = random.Random(scenario.seed)
    mail = [one for number in range(scenario.devices) for one in _device(scenario, number, luck)]
    mail += _statements(scenario, luck) + _newsletter(scenario)
    begins, ends = scenario.begins * 3600, (scenario.begins + scenario.hours) * 3600
    return sorted(one for one in mail if begins <= one.at < ends)


def others() -> tuple[str, list[float]]:
    """A mailbox that an application also sends from by itself, 24 a minute for an hour, and when it does."""
    first = 8.5 * 3600
    return mailbox_of(0), [first + n * 2.5 for n in range(1440)]


def _device(scenario: Scenario, number: int, luck: random.Random) -> list[Mail]:
    """Four of five scan in bulk, the fifth is a panel whose person waits for the answer."""
    mailbox = mailbox_of(int(scenario.mailboxes * luck.random() ** 1.5))  # some have many devices, some few
    interactive = number % 5 == 0
    count = int(luck.expovariate(1 / scenario.mean))
    return [
        Mail(_moment(luck), f"device{number:03}", mailbox, _size(luck), 1 + (luck.random() < 0.1), interactive)
        for _ in range(count)
    ]


def _moment(luck: random.Random) -> float:
    (hour,) = luck.choices(range(24), _HOURS)
    return (hour + luck.random()) * 3600


def _size(luck: random.Random) -> int:
    """Most scans are small; one in twenty is a book."""
    return int(luck.uniform(12, 35) * _MB) if luck.random() < 0.05 else int(luck.lognormvariate(12.5, 1.0))


def _statements(scenario: Scenario, luck: random.Random) -> list[Mail]:
    """One application hands in 2 000 statements within minutes, just before people come."""
    mailbox = mailbox_of(1 % scenario.mailboxes)
    return [
        Mail(7.5 * 3600 + n * 0.2, "statements", mailbox, int(luck.uniform(20_000, 90_000)), 1, interactive=False)
        for n in range(2000)
    ]


def _newsletter(scenario: Scenario) -> list[Mail]:
    """Six letters to 2 000 people each: more than a mailbox may send in a day."""
    mailbox = mailbox_of(2 % scenario.mailboxes)
    return [Mail(10.5 * 3600 + n * 60, "newsletter", mailbox, 60_000, 2000, interactive=False) for n in range(6)]
