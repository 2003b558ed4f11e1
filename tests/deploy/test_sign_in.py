"""What the page about signing in shows can be used as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from relay.config.loader import parse

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "sign-in.md").read_text()


def test_the_delegated_example_is_a_good_configuration():
    """With a listener in front it passes the loader; the shared mailbox is send_as, the person signs in."""
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.partition("\n## Delegated\n")[2], re.DOTALL)
    profile = parse('listeners: [{listen: "127.0.0.1:2525"}]\n' + text).profiles["scans"]

    assert (profile.sign_in, profile.mailbox) == ("delegated", "jane@contoso.com")
    assert profile.send_as.address == "scanner@contoso.com"
