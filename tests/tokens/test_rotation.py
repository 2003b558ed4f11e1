"""Two credentials at once: the other one is tried when one is refused for itself, and only then."""

from __future__ import annotations

import pytest

from relay.sandbox.cloud import Cloud, CloudOptions
from relay.sandbox.faults import Fault
from relay.tokens.answers import Route
from relay.tokens.certificate import Certificate, PemSource
from relay.tokens.credentials import Secret
from relay.tokens.entra import Entra
from relay.tokens.keeper import Keeper
from relay.tokens.rotation import Rotation, refuses_credential
from relay.tokens.source import Token, TokenError
from tests.tokens import keys

EXPIRED = TokenError("invalid_client", "AADSTS7000222: expired", codes=(7000222,), status=401)


class Issuer:
    """Gives its token, or raises `trouble`."""

    def __init__(self, name, trouble=None):
        self.name, self.trouble = name, trouble
        self.asked = self.forgotten = 0

    def acquire(self):
        self.asked += 1
        if self.trouble:
            raise self.trouble
        return Token(self.name, 0)

    def forget(self):
        self.forgotten += 1


@pytest.fixture
def changes():
    return []


@pytest.fixture
def pair(changes):
    old, new = Issuer("old"), Issuer("new")
    return old, new, Rotation([("old", old), ("new", new)], changes.append)


def test_the_first_serves_while_it_is_taken(pair, changes):
    """The second one is not even looked at."""
    old, new, rotation = pair

    assert rotation.acquire().value == "old"
    assert (old.asked, new.asked, changes) == (1, 0, [])


def test_the_other_is_asked_first_once_it_works(pair, changes):
    """The change is told once, with the words of the refusal; it goes back when that one is refused in its turn."""
    old, new, rotation = pair
    old.trouble = EXPIRED
    values = [rotation.acquire().value for _ in range(3)]

    assert values == ["new"] * 3
    assert old.asked == 1
    assert [(change.now, change.before, change.refusal) for change in changes] == [("new", "old", EXPIRED)]
    old.trouble, new.trouble = None, EXPIRED

    assert [rotation.acquire().value for _ in range(2)] == ["old"] * 2
    assert new.asked == 4
    assert [change.now for change in changes] == ["new", "old"]


@pytest.mark.parametrize(
    ("error", "codes", "is_its_own"),
    [
        ("invalid_client", (7000215,), True),
        ("invalid_client", (7000222,), True),
        ("invalid_client", (700027,), True),
        ("invalid_request", (7000218,), True),
        ("invalid_client", (700024,), True),
        ("invalid_request", (700213,), True),
        ("invalid_client", (), True),
        ("secret_unreadable", (), True),
        ("unauthorized_client", (700016,), False),
        ("invalid_client", (7000112,), False),
        ("invalid_request", (90002,), False),
        ("invalid_resource", (500011,), False),
        ("unauthorized_client", (), False),
        ("temporarily_unavailable", (90033,), False),
        ("unreachable", (), False),
        ("timeout", (), False),
        ("bad_answer", (), False),
    ],
)
def test_no_other_cause_tries_the_other(pair, error, codes, is_its_own):
    """A refusal of the proof alone does; what would be the same with any credential does not."""
    old, new, rotation = pair
    old.trouble = TokenError(error, "said", codes=codes)
    try:
        got = rotation.acquire().value
    except TokenError as exc:
        got = exc

    assert refuses_credential(old.trouble) is is_its_own
    assert (got, new.asked) == (("new", 1) if is_its_own else (old.trouble, 0))


def test_when_both_are_refused_both_are_told(pair):
    """Word, numbers and status are the first one's; the text names both."""
    old, new, rotation = pair
    old.trouble, new.trouble = EXPIRED, TokenError("secret_unreadable", "the file is empty")
    with pytest.raises(TokenError) as caught:
        rotation.acquire()

    assert (caught.value.error, caught.value.codes, caught.value.status) == ("invalid_client", (7000222,), 401)
    assert caught.value.description == "old: AADSTS7000222: expired; new: the file is empty"


def test_an_outage_at_the_second_is_an_outage(pair):
    """The first is refused, the second cannot be asked: the mail waits for Entra, not for a person."""
    old, new, rotation = pair
    old.trouble, new.trouble = EXPIRED, TokenError("timeout", "slow")
    with pytest.raises(TokenError) as caught:
        rotation.acquire()

    assert caught.value.error == "timeout"


def test_forgetting_reaches_both(pair):
    """Exchange has refused a token: neither repeats anything."""
    old, new, rotation = pair
    rotation.forget()

    assert (old.forgotten, new.forgotten) == (1, 1)


async def test_a_rotation_has_no_gap(changes):
    """A secret expires, a certificate serves; the certificate goes, the renewed secret serves: always a token."""
    key = keys.rsa_key()
    certificate = keys.certified(key)
    async with Cloud(CloudOptions()) as cloud:
        at, kept = cloud.settings, {}
        kept["secret"] = at.client_secret
        source = PemSource("next.crt", lambda: keys.pem(certificate), lambda: keys.key_pem(key))
        proofs = {"first": Secret(lambda: kept["secret"]), "next": Certificate(at.client_id, source)}
        issuers = [
            (name, Entra(at.client_id, at.authority, at.scope, credential=proof, route=Route(at.ca_file)))
            for name, proof in proofs.items()
        ]
        keeper = Keeper(Rotation(issuers, changes.append), grace_s=1e9)  # every token is asked for anew
        registered = cloud.add_certificate(keys.pem(certificate))
        tokens = [await keeper.token()]
        cloud.set_secret("expired")
        tokens.append(await keeper.token())
        kept["secret"] = cloud.add_secret().value
        cloud.remove_credential(registered.id)
        tokens.append(await keeper.token())

        assert len({token.value for token in tokens}) == 3
        told = [(change.now, change.before, change.refusal.codes) for change in changes]
        assert told == [("next", "first", (7000222,)), ("first", "next", (700027,))]


async def test_an_outage_does_not_touch_the_other_credential(changes):
    """503 for a while: the next one is never sent to Entra, and the first goes on after."""
    async with Cloud(CloudOptions()) as cloud:
        at = cloud.settings
        proofs = {"first": Secret(lambda: at.client_secret), "next": Secret(lambda: "bad")}
        issuers = [
            (name, Entra(at.client_id, at.authority, at.scope, credential=proof, route=Route(at.ca_file)))
            for name, proof in proofs.items()
        ]
        keeper = Keeper(Rotation(issuers, changes.append), grace_s=300)
        cloud.faults.add(Fault(stage="token", action="http", status=503, count=1))
        with pytest.raises(TokenError) as caught:
            await keeper.token()

        assert caught.value.status == 503
        assert await keeper.token()
        assert changes == []
