"""Certificates as credentials: on the wire, and what is said of those that are no use."""

from __future__ import annotations

import base64

import jwt
import pytest

from relay.sandbox.cloud import Cloud, CloudOptions
from relay.tokens.answers import Route
from relay.tokens.certificate import Certificate, PemSource, PfxSource, fingerprint
from relay.tokens.entra import Entra
from relay.tokens.keeper import Keeper
from relay.tokens.source import TokenError
from tests.tokens import keys

PASSPHRASE = "o-p-e-n-s-e-s-a-m-e"


@pytest.fixture(scope="module")
def key():
    return keys.rsa_key()


@pytest.fixture(scope="module")
def other_key():
    return keys.rsa_key()


def of_pem(certificate_pem, key_pem, passphrase=None, **options):
    read = None if passphrase is None else lambda: passphrase
    return Certificate("client-1", PemSource("file:/r.crt", lambda: certificate_pem, lambda: key_pem, read), **options)


def of_pfx(path, data, passphrase=None, **options):
    path.write_bytes(data)
    return Certificate("client-1", PfxSource(path, None if passphrase is None else lambda: passphrase), **options)


def complaint(credential):
    with pytest.raises(TokenError) as caught:
        credential.load()
    assert caught.value.error == "secret_unreadable"
    assert PASSPHRASE not in repr(caught.value) + repr(credential)
    return caught.value.description


def wire(authority):
    """The assertion of the last question, as (header, claims)."""
    form = authority.forms[-1]
    assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    assert "client_secret" not in form
    text = form["client_assertion"][0]
    return jwt.get_unverified_header(text), jwt.decode(text, options={"verify_signature": False}), text


@pytest.mark.parametrize("form", ["pem", "pfx", "sealed pem", "sealed pfx"])
def test_each_form_signs_with_ps256_and_sends_no_certificate(authority, entra, key, tmp_path, form):
    """x5t#S256 names the certificate, x5c is not there, the signature is the key's, audience is the token endpoint."""
    certificate = keys.certified(key)
    word = PASSPHRASE if "sealed" in form else ""
    if "pem" in form:
        credential = of_pem(keys.pem(certificate), keys.key_pem(key, word), word or None)
    else:
        credential = of_pfx(tmp_path / "r.pfx", keys.pfx(key, certificate, word), word or None)
    entra(credential=credential).acquire()
    header, claims, text = wire(authority)

    assert header == {"alg": "PS256", "typ": "JWT", "x5t#S256": fingerprint(certificate)}
    audience = f"{authority.url}/oauth2/v2.0/token_endpoint"
    assert jwt.decode(text, key.public_key(), algorithms=["PS256"], audience=audience)["sub"] == "client-1"
    assert claims["exp"] - claims["nbf"] == 600


def test_the_chain_is_sent_on_request(authority, entra, key, other_key, tmp_path):
    """x5c: the app's own certificate first, then who signed it, whatever the order in the file; nothing else."""
    ca = keys.certified(other_key, name="ca")
    own, stray = keys.certified(key, by=(ca, other_key)), keys.certified(other_key, name="stray")
    files = (
        of_pem(keys.pem(stray, ca, own), keys.key_pem(key), send_chain=True),
        of_pfx(tmp_path / "r.pfx", keys.pfx(key, own, others=[stray, ca]), send_chain=True),
    )
    for credential in files:
        entra(credential=credential).acquire()
        sent = [base64.b64decode(each) for each in wire(authority)[0]["x5c"]]

        assert sent == [base64.b64decode("".join(keys.pem(each).splitlines()[1:-1])) for each in (own, ca)]


def test_each_question_carries_an_assertion_of_its_own(authority, entra, key):
    """No assertion is repeated: jti differs."""
    issuer = entra(credential=of_pem(keys.pem(keys.certified(key)), keys.key_pem(key)))
    seen = set()
    for _ in range(3):
        issuer.acquire()
        seen.add(wire(authority)[1]["jti"])

    assert len(seen) == 3
    assert authority.asked.count("discovery") == 1


def test_a_changed_file_is_taken_up(authority, entra, key, other_key, tmp_path):
    """Another PFX in the same place signs the next question."""
    path = tmp_path / "r.pfx"
    credential = of_pfx(path, keys.pfx(key, keys.certified(key)))
    issuer = entra(credential=credential)
    issuer.acquire()
    new = keys.certified(other_key)
    path.write_bytes(keys.pfx(other_key, new))
    issuer.acquire()

    assert wire(authority)[0]["x5t#S256"] == fingerprint(new)


async def test_entra_takes_it_and_exchange_its_token(key):
    """The pretend Entra verifies the signature against the certificate registered, and refuses one that is not."""
    certificate = keys.certified(key)
    credential = of_pem(keys.pem(certificate), keys.key_pem(key))
    async with Cloud(CloudOptions()) as cloud:
        at = cloud.settings
        credential = Certificate(at.client_id, credential.source)
        issuer = Entra(at.client_id, at.authority, at.scope, credential=credential, route=Route(at.ca_file))
        keeper = Keeper(issuer, grace_s=300)
        with pytest.raises(TokenError) as caught:
            await keeper.token()
        assert caught.value.codes == (700027,)
        cloud.add_certificate(keys.pem(certificate))

        assert (await keeper.token()).value.count(".") == 2


def test_a_wrong_passphrase_is_named(key, tmp_path):
    """For a PFX and for a key: which file, and how to try it; the passphrase is not shown."""
    certificate = keys.certified(key)
    path = tmp_path / "r.pfx"

    sealed = keys.pfx(key, certificate, "right")
    assert f"{path} does not open with its passphrase" in complaint(of_pfx(path, sealed, PASSPHRASE))
    assert f"{path} does not open without a passphrase" in complaint(of_pfx(path, sealed))
    sealed = keys.key_pem(key, "right")
    assert "does not open with its passphrase" in complaint(of_pem(keys.pem(certificate), sealed, PASSPHRASE))
    assert "is encrypted; name its passphrase" in complaint(of_pem(keys.pem(certificate), sealed))


def test_a_missing_file_is_named(tmp_path):
    """The path, the system's reason and what to do."""
    said = complaint(Certificate("client-1", PfxSource(tmp_path / "gone.pfx")))

    assert "gone.pfx cannot be read: No such file" in said
    assert "readable by the relay's user" in said


def test_a_key_of_another_certificate_is_named(key, other_key, tmp_path):
    """PEM and PFX; the remedy says to name the right key."""
    said = complaint(of_pem(keys.pem(keys.certified(key)), keys.key_pem(other_key)))

    assert "file:/r.crt: the private key does not belong to the certificate" in said


def test_a_certificate_that_is_not_valid_today_is_not_asked_with(key):
    """Ended, with the day and where to upload a new one; not yet begun, with the clock as the suspect."""
    ended = of_pem(keys.pem(keys.certified(key, days=-0.5)), keys.key_pem(key))
    early = of_pem(keys.pem(keys.certified(key, since=1)), keys.key_pem(key))

    assert f"ended on {ended.ends():%Y-%m-%d}; make a new one, upload it" in complaint(ended)
    assert "timedatectl" in complaint(early)


@pytest.mark.parametrize(
    ("certificate", "private", "says"),
    [
        ("nothing", None, "holds no usable certificate; give it as PEM"),
        (None, "nothing", "is no usable key; give it as PEM"),
    ],
)
def test_what_is_no_pem_is_named(key, certificate, private, says):
    """Certificate or key: which of both, and how it has to begin."""
    assert says in complaint(of_pem(certificate or keys.pem(keys.certified(key)), private or keys.key_pem(key)))


def test_a_key_that_entra_does_not_take_is_named(tmp_path):
    """An elliptic curve key is refused here, with the command that makes a right one."""
    key = keys.ec_key()

    assert "not RSA" in complaint(of_pem(keys.pem(keys.certified(key)), keys.key_pem(key)))
    assert "not RSA" in complaint(of_pfx(tmp_path / "r.pfx", keys.pfx(key, keys.certified(key))))


def test_no_pfx_and_one_without_a_key_are_named(key, tmp_path):
    """Any other file, and a PFX of a certificate alone."""
    assert "it is no PFX file" in complaint(of_pfx(tmp_path / "r.pfx", b"%PDF-1.4"))
    bare = keys.pfx(None, keys.certified(key), PASSPHRASE)
    assert "holds no private key" in complaint(of_pfx(tmp_path / "r.pfx", bare, PASSPHRASE))


def test_no_key_and_no_passphrase_is_shown(key, tmp_path):
    """repr of everything on the way, and of the proof."""
    word = PASSPHRASE
    credential = of_pfx(tmp_path / "r.pfx", keys.pfx(key, keys.certified(key), word), word)
    shown = repr(credential) + repr(credential.load()) + repr(credential.source.read())

    assert "PRIVATE" not in shown
    assert word not in shown
