"""Where a browser comes back to after a sign-in that was begun at the dashboard."""

from __future__ import annotations

import pytest
import yaml

from relay.config.aeskey import new_key
from relay.config.loader import parse
from relay.control.authorize import Authorization
from relay.control.sign_ins import returns_to

PUBLIC = "https://relay.contoso.com/mail"


def authorization(tmp_path, redirect_uri):
    """Of a profile whose app has that redirect URI; Entra is not asked yet."""
    (tmp_path / "key").write_text(new_key())
    app = {"tenant": "contoso.test", "client_id": "x", "redirect_uri": redirect_uri}
    profile = {"app": "contoso", "mailbox": "ann@contoso.test", "sign_in": "delegated"}
    whole = {
        "data_dir": str(tmp_path / "data"), "listeners": [{"listen": "127.0.0.1:25"}], "apps": {"contoso": app},
        "profiles": {"ann": profile}, "token_store": {"key": {"file": str(tmp_path / "key")}},
    }  # fmt: skip
    return Authorization(parse(yaml.safe_dump(whole)), "ann")


@pytest.mark.parametrize(
    ("registered", "origin", "public_url", "expected"),
    [
        ("http://localhost", "http://127.0.0.1:8925", "", "http://localhost:8925"),
        ("http://localhost:8400/back", "http://localhost:8925", "", "http://localhost:8925/back"),
        ("http://localhost", "http://[::1]:8925", "", "http://localhost:8925"),
        ("http://localhost", "http://localhost", "", "http://localhost:80"),
        ("http://localhost", "https://localhost:8925", "", ""),
        ("http://localhost", "http://relay.lan:8925", "", ""),
        ("http://localhost", "", "", ""),
        (f"{PUBLIC}/authorize/answer", PUBLIC, PUBLIC, f"{PUBLIC}/authorize/answer"),
        ("https://relay.contoso.com/callback", "http://127.0.0.1:8925", PUBLIC, "https://relay.contoso.com/callback"),
        ("https://elsewhere.contoso.com/callback", PUBLIC, PUBLIC, ""),
        ("https://relay.contoso.com/callback", PUBLIC, "", ""),
    ],
)
def test_a_browser_comes_back_where_the_dashboard_is_reached(tmp_path, registered, origin, public_url, expected):
    """By a loopback name with the dashboard's own port, or below its public address; else the address is pasted."""
    assert returns_to(authorization(tmp_path, registered), origin, public_url) == expected
