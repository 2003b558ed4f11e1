"""Refresh tokens on a real disk: never in plain, never another's, never older than what another process wrote."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading

import pytest

from relay.config.aeskey import decoded_key, new_key
from relay.config.secret import SecretRef
from relay.tokens.vault import Kept, NotKeptError, Vault, VaultError

KEY = new_key()
KEPT = Kept('{"RefreshToken": "0.AXsecret"}', "jane@contoso.com", 1000.0, 2000.0)


@pytest.fixture
def vault(tmp_path):
    return Vault(tmp_path / "data", lambda: KEY)


@pytest.fixture
def place(vault):
    return vault.place("app-1", "jane@contoso.com")


def test_what_is_written_is_read(vault, place):
    """Another place of the same app and person, however they are spelled, reads it."""
    place.write(KEPT)

    assert vault.place("APP-1", "Jane@Contoso.com").read() == KEPT
    assert place.read().renewed("new", 3000.0) == Kept("new", "jane@contoso.com", 1000.0, 3000.0)


def test_only_the_owner_may_look(place):
    """Directory 0700, files 0600, whatever the umask; nothing is left aside."""
    before = os.umask(0)
    try:
        with place.locked():
            place.write(KEPT)
    finally:
        os.umask(before)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.path.parent.iterdir()}
    assert stat.S_IMODE(place.path.parent.stat().st_mode) == 0o700
    assert modes == {place.path.name: 0o600, place.path.name + ".lock": 0o600}


def test_nothing_is_on_the_disk_in_plain(place, tmp_path):
    """Neither token nor key stands in any file, and a repr shows no token."""
    place.write(KEPT)

    octets = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert octets
    assert b"0.AXsecret" not in octets
    assert KEY.encode() not in octets
    assert "0.AXsecret" not in repr(KEPT)


def test_nobody_has_signed_in(place):
    """A missing file is its own error, and names the person."""
    with pytest.raises(NotKeptError, match=r"jane@contoso\.com has not signed in yet"):
        place.read()


def test_a_wrong_key_is_told_from_damage(tmp_path, place):
    """The remedy for another key is the right key; for a damaged file it is not."""
    place.write(KEPT)
    other = new_key()

    with pytest.raises(VaultError, match=r"another key than token_store\.key") as caught:
        Vault(tmp_path / "data", lambda: other).place("app-1", "jane@contoso.com").read()
    assert other not in str(caught.value)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "binary", "garbage"])
def test_a_damaged_file_is_said_to_be(place, damage):
    """Whatever happened to the octets, the error names the file and what to do."""
    place.write(KEPT)
    octets = bytearray(place.path.read_bytes())
    octets[-20] ^= 1
    made = {
        "cut": octets[:-30],
        "flipped": octets,
        "empty": b"",
        "binary": b"\xff\x00" * 50,
        "garbage": place.path.read_bytes().split(b"\n")[0] + b"\nno base64!\n",
    }
    place.path.write_bytes(bytes(made[damage]))

    with pytest.raises(VaultError, match=r"is damaged.*sign in again") as caught:
        place.read()
    assert str(place.path) in str(caught.value)


@pytest.mark.parametrize(("client_id", "user"), [("app-2", "jane@contoso.com"), ("app-1", "boss@contoso.com")])
def test_files_cannot_be_changed_for_one_another(vault, place, client_id, user):
    """The file of another app or person, copied into place, is refused."""
    other = vault.place(client_id, user)
    other.write(KEPT)
    place.path.write_bytes(other.path.read_bytes())

    with pytest.raises(VaultError, match="belongs to another person or app"):
        place.read()


@pytest.mark.parametrize("key", ["", "short", "é" * 32, "A" * 43])
def test_a_key_that_is_none_is_refused(tmp_path, key):
    """The error names the option and how to make a key, never the text that was there."""
    place = Vault(tmp_path, lambda: key).place("app-1", "jane@contoso.com")

    with pytest.raises(VaultError, match=r"token_store\.key: .*relay authorize --new-key") as caught:
        place.write(KEPT)
    assert not key or key not in str(caught.value)
    assert not list(tmp_path.rglob("*.*"))


def test_a_key_that_cannot_be_read_says_where_it_should_be(tmp_path):
    """The reference is named."""
    missing = SecretRef.model_validate({"file": tmp_path / "key"})

    with pytest.raises(VaultError, match=rf"token_store\.key: .*{tmp_path}/key"):
        Vault(tmp_path, missing.read).place("app-1", "jane@contoso.com").probe()


def test_fresh_keys_differ():
    """Each is 32 octets from the system's own source."""
    keys = {decoded_key(new_key()) for _ in range(20)}

    assert len(keys) == 20
    assert {len(key) for key in keys} == {32}


def test_a_disk_that_refuses_is_named(place, tmp_path):
    """A file in the place of the directory: the error names it, and what to do."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tokens").write_text("")

    with pytest.raises(VaultError, match=r"/data/tokens.*relay's user may write to"):
        place.write(KEPT)


def test_a_half_written_file_does_not_count(place):
    """What a crash left aside is neither read nor in the way."""
    place.write(KEPT)
    aside = place.path.with_name(place.path.name + ".new")
    aside.write_text("relay-token-1 half")

    assert place.read() == KEPT
    place.write(KEPT.renewed("newer", 1.0))
    assert place.read().cache == "newer"
    assert not aside.exists()


def test_who_holds_the_lock_is_waited_for(vault, place):
    """A second thread reads only what the first has written, never what was before."""
    place.write(KEPT)
    inside, seen = threading.Event(), []

    def second():
        inside.wait()
        with vault.place("app-1", "jane@contoso.com").locked():
            seen.append(place.read().cache)

    thread = threading.Thread(target=second)
    thread.start()
    with place.locked():
        inside.set()
        place.write(KEPT.renewed("newer", 3000.0))
    thread.join()

    assert seen == ["newer"]


def test_a_lock_of_another_process_that_never_ends_is_an_error(place):
    """Not a hang: after the time given the file is named."""
    place.write(KEPT)
    held = (
        f"import fcntl,sys; f=open({str(place.path) + '.lock'!r}, 'w'); fcntl.flock(f, 2); print(flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(VaultError, match="in use by another process"), place.locked(within_s=0.1):
            pytest.fail("two have the lock")
        other.communicate(b"\n")

    with place.locked(within_s=5):
        assert place.read() == KEPT


@pytest.mark.usefixtures("as_root")
def test_root_gives_what_it_wrote_to_the_owner_of_the_data(place, tmp_path):
    """`sudo relay authorize` leaves files that the relay's own user can read."""
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 12345, 12346)

    with place.locked():
        place.write(KEPT)

    for path in (place.path.parent, *place.path.parent.iterdir()):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346), path
