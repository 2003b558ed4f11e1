"""Postfix from Debian as a private instance: own configuration, queue and port; the machine's own is not touched.

Everything that decides speed or safety is the package's default (queue files fsynced before 250). Told differently from
it: address and port, the relayhost (the fake Exchange Online), no size limit, three connections per destination, TLS
demanded, no chroot. It signs in to nothing and does not verify the certificate: less work than the relay has.
Needs root, because Postfix's own master does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.peer import SESSIONS, PeerError, await_greeting, free_port

if TYPE_CHECKING:
    from bench.peer import Surroundings

NAME = "postfix"
_TEMPLATE = Path("/usr/share/postfix/master.cf.dist")
_NO_SERVICE = "#!/bin/sh\nexit 101\n"  # invoke-rc.d(8): a package may not start its service now
_MAIN = """\
compatibility_level = 3.6
biff = no
append_dot_mydomain = no
myhostname = postfix.bench.example
mydestination =
alias_maps =
local_recipient_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
queue_directory = {folder}/spool
data_directory = {folder}/data
message_size_limit = 0
mailbox_size_limit = 0
relayhost = [127.0.0.1]:{upstream}
smtp_destination_concurrency_limit = {sessions}
smtp_tls_security_level = encrypt
smtp_tls_session_cache_database = btree:{folder}/data/smtp_scache
"""


def ensure_installed() -> str:
    """Postfix's version; installs the Debian package when it is missing. Raises `PeerError` with the remedy."""
    if os.geteuid() != 0:
        raise PeerError("Postfix's master runs as root only: run `make bench` as root, or with ARGS=--without-postfix")
    if not shutil.which("postconf"):
        _install()
    return _run("postconf", "-hd", "mail_version").strip()


def _install() -> None:
    if not shutil.which("apt-get"):
        raise PeerError("Postfix is not installed and there is no apt-get: install it, or use ARGS=--without-postfix")
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text(_NO_SERVICE)
        policy.chmod(0o755)
    try:
        _run("debconf-set-selections", stdin="postfix postfix/main_mailer_type select No configuration\n")
        _run("apt-get", "install", "-y", "-q", "--no-install-recommends", "postfix")
    finally:
        if ours:
            policy.unlink()


class Postfix:
    """One instance, started by the constructor. Satisfies `bench.peer.Peer`."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._folder = surroundings.folder
        self._config = self._folder / "config"
        self.port = free_port()
        self._configure(surroundings.smtp_port)
        begun = time.monotonic()
        self._postfix("start")
        await_greeting(self.port)
        self.start_s = time.monotonic() - begun
        self.pid = int((self._folder / "spool/pid/master.pid").read_text())

    def stop(self) -> None:
        self._postfix("abort")
        while Path(f"/proc/{self.pid}").exists():
            time.sleep(0.01)

    def said(self) -> str:
        """Nothing: it logs to the machine's syslog."""
        return "(see the machine's mail log)"

    def _configure(self, upstream: int) -> None:
        self._folder.chmod(0o755)  # its processes run as user postfix
        for name in ("config", "spool", "data"):
            (self._folder / name).mkdir()
        shutil.chown(self._folder / "data", "postfix", "root")
        main = _MAIN.format(folder=self._folder, upstream=upstream, sessions=SESSIONS)
        (self._config / "main.cf").write_text(main)
        (self._config / "master.cf").write_text(services(_TEMPLATE.read_text(), self.port))

    def _postfix(self, order: str) -> None:
        _run("postfix", "-c", str(self._config), order)


def services(template: str, port: int) -> str:
    """The packaged master.cf, its smtp listener on our port, nothing in a chroot (that needs copies of /etc)."""
    lines = []
    for line in template.splitlines():
        fields = line.split()
        if len(fields) >= 8 and not line.startswith((" ", "\t", "#")):
            fields[4] = "n"
            if fields[0] == "smtp" and fields[1] == "inet":
                fields[0] = f"127.0.0.1:{port}"
            line = "\t".join(fields)
        lines.append(line)
    return "\n".join(lines) + "\n"


def _run(*command: str, stdin: str | None = None) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise PeerError(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
    return done.stdout
