"""`relay setup m365`: whole scripts, as they were looked at once, and what must hold of every one of them."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_powershell
import yaml

from relay.config.loader import parse
from relay.control.m365 import UnfitError, script
from relay.control.m365_portal import portal
from relay.control.powershell import listed, quoted
from tests.control.powershell import Reading

GOLDEN = Path(__file__).parent / "golden"
APP = {"tenant": "contoso.onmicrosoft.com", "client_id": "11111111-2222-3333-4444-555555555555"}
SECRET = {"credential": {"secret": {"env": "CONTOSO_SECRET"}}}
SCANS = {"app": "contoso", "mailbox": "scanner@contoso.com", "from": "mailbox", "canary": "ceo@contoso.com"}


def settings(profiles, *, app=None, clouded=None):
    """A configuration with these profiles, by name."""
    whole = {
        "listeners": [{"listen": "127.0.0.1:2525"}],
        "apps": {"contoso": APP | (SECRET if app is None else app) | (clouded or {})},
        "profiles": {name: {"app": "contoso", "from": "mailbox"} | profile for name, profile in profiles.items()},
        "token_store": {"key": {"env": "TOKEN_KEY"}},
    }
    return parse(yaml.safe_dump(whole))


def certificate(tmp_path, name="relay.contoso.com"):
    """The options of a connector that shows a certificate of that name."""
    import trustme

    issued = trustme.CA().issue_cert(name)
    issued.cert_chain_pems[0].write_to_path(tmp_path / "relay.crt")
    issued.private_key_pem.write_to_path(tmp_path / "relay.key")
    files = {option: {"file": str(tmp_path / name)} for option, name in PAIR.items()}
    return {"host": "contoso-com.mail.protection.outlook.com", **files}


PAIR = {"certificate": "relay.crt", "private_key": "relay.key"}
DESK = {"mailbox": "desk@contoso.com", "from": "send_as", "send_as": {"address": "helpdesk@contoso.com"}}
PERSON = {"mailbox": "ann@contoso.com", "sign_in": "delegated", "upn": "ann@contoso.onmicrosoft.com"}


def cases(tmp_path):
    """Each kind of profile, by the name of its golden file: the settings and the options."""
    return {
        "rbac": (settings({"scans": SCANS}), {}),
        "rbac-two-mailboxes": (settings({"scans": SCANS, "desk": DESK}), {}),
        "classic": (settings({"scans": SCANS}), {"classic": True}),
        "graph": (settings({"scans": SCANS | {"transport": "graph"}}), {}),
        "fallback": (settings({"scans": SCANS | {"fallback": "graph"}}), {}),
        "hve": (settings({"scans": SCANS | {"transport": "hve"}}), {}),
        "delegated": (settings({"scans": DESK | PERSON}), {}),
        "public-client": (settings({"scans": PERSON}, app={}), {}),
        "keep": (settings({"scans": SCANS | {"from": "keep", "senders": ["*@contoso.com", "hr@contoso.com"]}}), {}),
        "connector": (settings({"scans": SCANS | {"transport": "connector", "connector": certificate(tmp_path)}}), {}),
        "gcc-high": (settings({"scans": SCANS}, clouded={"cloud": "us-gov-gcc-high"}), {}),
    }


NAMES = (
    "rbac", "rbac-two-mailboxes", "classic", "graph", "fallback", "hve", "delegated", "public-client", "keep",
    "connector", "gcc-high",
)  # fmt: skip


def scripts(tmp_path):
    """The whole script of each case."""
    return {name: script(given, "scans", **options) for name, (given, options) in cases(tmp_path).items()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("write", "ending"), [(script, "ps1"), (portal, "txt")], ids=["script", "portal"])
def test_what_is_printed_is_what_was_looked_at(tmp_path, name, write, ending):
    """Letter by letter; who changes a script reads it again whole, and writes it to the golden file."""
    given, options = cases(tmp_path)[name]

    assert write(given, "scans", **options) == (GOLDEN / f"{name}.{ending}").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_script_is_whole_powershell(tmp_path, name):
    """Quotes, brackets and comments end where they should; nothing is left to be filled in."""
    text = scripts(tmp_path)[name]
    reading = Reading(text)

    assert reading.open_brackets == []
    assert reading.ends_in == "code"
    assert not re.search(r"<[A-Za-z][^>]*>|(?<!\$)\{\w+\}|\bNone\b|''(?!')\s*$", text, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_a_grammar_nobody_here_wrote_reads_every_script(tmp_path, name):
    """tree-sitter's PowerShell finds no mistake, in the script nor in what its undo comment holds."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    text = scripts(tmp_path)[name]
    undone = "\n".join(re.findall(r"<#\n(.*?)#>", text, re.DOTALL))

    assert not parser.parse(text.encode()).root_node.has_error
    assert undone
    assert not parser.parse(undone.encode()).root_node.has_error


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_is_set_before_it_is_used(tmp_path, name):
    """Values stand above the pieces that speak of them."""
    assert Reading(scripts(tmp_path)[name]).unset_variables() == []


@pytest.mark.parametrize("name", NAMES)
def test_what_makes_something_looks_first(tmp_path, name):
    """Each New-… and Add-… stands within a question, so that the script may run twice."""
    makers = Reading(scripts(tmp_path)[name]).makers()

    assert makers or name in ("delegated", "public-client")
    assert [each.line for each in makers if "-not (Get-" not in each.guard and "-notcontains" not in each.guard
            and each.guard not in ("if (-not $known)", "if (-not $granted)")] == []  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_script_shows_what_holds_and_says_how_to_undo_it(tmp_path, name):
    """The block that shows comes before the one that takes back, which is a comment."""
    text = scripts(tmp_path)[name]
    undone = "\n".join(re.findall(r"<#\n(.*?)#>", text, re.DOTALL))

    assert text.index("# ---- what holds now") < text.index("To take this back")
    assert re.search(r"Remove-|Disabled \$null", undone)


@pytest.mark.parametrize("name", ["rbac", "classic", "graph", "hve"])
def test_granted_and_denied_are_both_shown(tmp_path, name):
    """The mailbox and the canary are looked at, each with its own word."""
    code = Reading(scripts(tmp_path)[name]).code

    assert "$canary " in code
    assert all(word in code for word in ('"Granted: ', '"NOT granted: ', '"Denied:  ', '"NOT denied: '))


EVIL = ["it's", "$(Remove-Mailbox x)", "a`nb", 'say "x"', "‘typographic’", "$env:PATH", "#> $x <#", "line\nfeed", "''"]


@pytest.mark.parametrize("text", EVIL)
def test_a_quoted_value_is_one_literal_text(text):
    """PowerShell reads back what was put in, but for control characters."""
    reading = Reading(f"$x = {quoted(text)}\n")

    assert reading.literals == [text.replace("\n", "")]
    assert reading.ends_in == "code"


def test_a_list_may_be_empty():
    """PowerShell's own way to say so."""
    assert (listed([]), listed(["a", "b'c"])) == ("@()", "@('a', 'b''c')")


@pytest.mark.parametrize(("local", "classic"), list(itertools.product(["o'neil", "a$b", "c`d", "e#f"], [False, True])))
def test_mailboxes_with_odd_names_do_no_harm(local, classic):
    """They stand in the script as the one text they are, undo block and all."""
    odd = f"{local}@contoso.com"
    reading = Reading(script(settings({"scans": SCANS | {"mailbox": odd}}), "scans", classic=classic))

    assert odd in reading.literals
    assert (reading.open_brackets, reading.ends_in) == ([], "code")


def test_graph_has_no_classic_way():
    """Mail.Send without a scope would be every mailbox of the tenant."""
    with pytest.raises(UnfitError, match="every mailbox of the tenant"):
        script(settings({"scans": SCANS | {"transport": "graph"}}), "scans", classic=True)


def test_a_connector_whose_certificate_is_missing_has_no_script(tmp_path):
    """The name in it is what the connector knows; the option is named."""
    given = settings({"scans": SCANS | {"transport": "connector", "connector": certificate(tmp_path)}})
    (tmp_path / "relay.crt").unlink()

    with pytest.raises(UnfitError, match=r"connector\.certificate can't be read"):
        script(given, "scans")


def test_a_tenant_named_by_its_id_is_no_organization():
    """Connect-ExchangeOnline wants a domain there."""
    guid = {"tenant": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"}

    assert "-Organization" not in script(settings({"scans": SCANS}, clouded=guid), "scans")
