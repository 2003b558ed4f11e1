"""The token sources of delegated profiles: one for each app, person and scope, against a pretend Entra."""

from __future__ import annotations

from functools import partial

import pytest
import structlog

from relay.config.settings import TransportKind
from relay.telemetry.journal import Journal
from relay.tokens.claims import read
from relay.tokens.source import TokenError
from relay.tokens.vault import Place, VaultError
from relay.upstream.news import TokenNews
from relay.upstream.people import scopes_of
from relay.upstream.sources import Sources
from tests.e2e.delegated import ANN, BOSSES_UPN, USERS, configured
from tests.e2e.pretend import PretendCloud
from tests.upstream.house import House

TWIN = {"app": "contoso", "sign_in": "delegated", "mailbox": ANN, "from": "mailbox"}


@pytest.fixture(scope="module")
def cloud():
    with PretendCloud(users=USERS, auto_sign_in="hint") as running:
        yield running


@pytest.fixture
def open_house(cloud, tmp_path):
    """`open_house(profiles={…})`: that configuration."""
    return lambda **changes: House(configured(cloud, tmp_path, **changes))


@pytest.mark.parametrize(
    ("kind", "audience", "scopes"),
    [
        (TransportKind.SMTP, "https://outlook.office.com", ("SMTP.Send",)),
        (TransportKind.GRAPH, "https://graph.microsoft.com", ("Mail.Send", "Mail.Send.Shared")),
    ],
)
async def test_each_way_has_a_token_of_its_own_by_one_sign_in(cloud, open_house, kind, audience, scopes):
    """Audience, scope and person are those of the way; both come by the same refresh token."""
    house = open_house(profiles={"ann": {"fallback": "graph"}})
    house.sign_in(cloud)
    claims = read((await Sources().of(house.settings, "ann", kind).token()).value)

    assert (claims.audience, tuple(claims.scopes), claims.user) == (audience, scopes, ANN)


async def test_profiles_of_one_person_share_a_source_and_others_do_not(open_house):
    """By app, person and scope; a reload that changes nothing keeps it."""
    house, sources = open_house(profiles={"twin": TWIN}), Sources()
    ask = partial(sources.of, house.settings)

    assert ask("ann", TransportKind.SMTP) is ask("twin", TransportKind.SMTP)
    assert ask("ann", TransportKind.SMTP) is sources.of(open_house().settings, "ann", TransportKind.SMTP)
    assert len({ask("ann", TransportKind.SMTP), ask("ann", TransportKind.GRAPH), ask("boss", TransportKind.SMTP)}) == 3


async def test_one_persons_sign_in_is_nobody_elses(cloud, open_house):
    """Ann has signed in; the boss has not, and is named by the user principal name."""
    house = open_house()
    house.sign_in(cloud)
    with pytest.raises(TokenError) as caught:
        await Sources().of(house.settings, "boss", TransportKind.SMTP).token()

    assert caught.value.error == "not_authorized"
    assert BOSSES_UPN in caught.value.description


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["SMTP.Send"]),
        ({"transport": "graph"}, ["Mail.Send", "Mail.Send.Shared"]),
        ({"transport": "graph", "from": "mailbox", "send_as": None}, ["Mail.Send"]),
        ({"fallback": "graph"}, ["SMTP.Send", "Mail.Send", "Mail.Send.Shared"]),
        ({"transport": "graph", "fallback": "smtp"}, ["Mail.Send", "Mail.Send.Shared", "SMTP.Send"]),
    ],
)
def test_a_person_consents_to_what_the_profile_needs(open_house, changes, expected):
    """The main way's scope comes first."""
    scopes = " ".join(scopes_of(open_house(profiles={"ann": changes}).settings, "ann"))

    assert [scope.rpartition("/")[2] for scope in scopes.split()] == expected


async def test_a_successor_that_cannot_be_written_is_told(cloud, open_house, monkeypatch):
    """The token serves, and the journal names the profile, what the disk said and what to do."""
    house, told = open_house(), []
    house.sign_in(cloud)
    journal = Journal(structlog.wrap_logger(structlog.testing.CapturingLogger()))
    journal.tell(lambda event, fields: told.append((event, fields)))
    monkeypatch.setattr(Place, "write", _full)
    token = await Sources(TokenNews(journal)).of(house.settings, "ann", TransportKind.SMTP).token()
    (event, fields), _ = told

    assert read(token.value).user == ANN
    assert event == "signin.failing"
    assert (fields["profile"], fields["answer"]) == ("ann", "no space left")
    assert "relay authorize ann" in fields["remedy"]


def _full(self, kept):
    raise VaultError("no space left")
