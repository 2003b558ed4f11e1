"""The step that looks at when the app's credentials end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from relay.control.doctor_step import Failed, Skipped
from relay.control.end_watch import end_dates, what_to_do
from relay.policy.enddates import OVER, days_left, in_words, last_day, threshold_of

if TYPE_CHECKING:
    from relay.control.doctor_patient import Patient
    from relay.upstream.enddates import EndDate


async def ends_of(patient: Patient) -> str:
    """Each end that is known, in words. Raises `Failed` when one is over, or will be within the first threshold."""
    found = await end_dates(patient.settings, patient.sources, [patient.profile.app])
    now = datetime.now(UTC)
    if not found:
        raise _nothing_known(patient)
    words = "; ".join(_words(end, now) for end in found)
    near = [end for end in found if threshold_of(end.ends, now) is not None]
    if near:
        over = threshold_of(near[0].ends, now) == OVER
        meaning = "With an ended credential Entra gives no token." if over else "It is time to renew it."
        raise Failed(words, meaning=meaning, remedy=what_to_do(patient.settings, near[0]))
    return words


def _nothing_known(patient: Patient) -> Skipped:
    credential = patient.app.credential
    if credential is None:
        return Skipped("a public client has nothing that ends")
    if credential.federated is not None:
        return Skipped("whoever issues the federated token keeps it fresh")
    if credential.certificate is not None:
        return Skipped("no end is known: the certificate cannot be read", remedy="relay check says why")
    return Skipped(
        "no end is known: a secret does not tell",
        remedy=f"set apps.{patient.profile.app}.credential.expires to the day Entra shows, to be warned before",
    )


def _words(end: EndDate, now: datetime) -> str:
    name = " ".join(filter(None, (end.credential, end.kind, end.name)))
    return f"{name} {in_words(days_left(end.ends, now))} ({last_day(end.ends)}, says the {end.source})"
