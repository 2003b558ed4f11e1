"""The page about the management port says what the port takes."""

import json
import re
from dataclasses import fields
from pathlib import Path

from relay.sandbox.faults import ACTIONS, STAGES, Fault
from tests.sandbox.test_management import ask

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "sandbox.md").read_text(encoding="utf-8")


async def test_every_example_is_taken(cloud):
    """The switches are set, each fault comes into force."""
    switches, *faults = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    assert [(await ask(cloud.settings, "POST", "/faults", fault))[0] for fault in faults] == [201, 201]
    assert (await ask(cloud.settings, "PUT", "/switches", switches))[0] == 200


async def test_every_body_of_a_table_is_taken(cloud):
    """Those that stand for themselves, without an ellipsis."""
    rows = re.findall(r"`POST (/[a-z-]+)` \| `(\{[^…`]*\})`", PAGE)
    people = {path: json.loads(body) for path, body in rows if "user_code" not in body}
    await ask(cloud.settings, "POST", "/users", {"upn": "ann@contoso.test"})
    statuses = {path: (await ask(cloud.settings, "POST", path, body))[0] for path, body in people.items()}
    assert statuses == dict.fromkeys(["/revoke-sessions", "/withdraw-consent", "/let-time-pass"], 204)


async def test_everything_that_can_be_set_is_named(cloud):
    """Switches, members of a fault, stages and actions."""
    _, switches = await ask(cloud.settings, "GET", "/switches")
    for name in (*json.loads(switches), *(field.name for field in fields(Fault)), *ACTIONS):
        assert f"`{name}`" in PAGE, name
    assert all(re.search(rf"\b{stage}\b", PAGE) for stage in STAGES)
