"""Dovecot's submission server as a process of the test: XOAUTH2 with tokens it verifies itself, mail handed to a sink.

It is Debian's Dovecot with a configuration, directories and ports of its own; nothing of the system's is touched.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 45.0
_OAUTH = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={keys}/
username_attribute = upn
issuers = {issuer}
"""
_CONFIG = """\
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/dovecot.log
protocols = submission
hostname = localhost
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
ssl = required
ssl_cert = <{directory}/server.pem
ssl_key = <{directory}/server.key
disable_plaintext_auth = yes
auth_mechanisms = xoauth2
mail_location = maildir:{directory}/mail
submission_relay_host = 127.0.0.1
submission_relay_port = {sink}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {directory}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={directory}/home
}}
auth_failure_delay = 0
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service submission-login {{
  chroot =
  inet_listener submission {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener submissions {{
    port = 0
  }}
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    """One running server. `keys` is where it looks for the keys that tokens are signed with."""

    def __init__(self, program: str, directory: Path, *, issuer: str, sink: int) -> None:
        # Dovecot refuses to work as root: then it is the user that its package made
        account = pwd.getpwnam("dovecot" if os.geteuid() == 0 else getpass.getuser())
        self.port = free_port()
        self._log = directory / "dovecot.log"
        self._log.touch()
        group = subprocess.run(
            ["id", "-gn", account.pw_name], capture_output=True, text=True, check=True
        ).stdout.strip()
        (directory / "oauth2.conf").write_text(_OAUTH.format(keys=directory / "keys", issuer=issuer))
        config = directory / "dovecot.conf"
        config.write_text(
            _CONFIG.format(directory=directory, user=account.pw_name, group=group, sink=sink, port=self.port)
        )
        for name in ("home", "mail", "state"):
            (directory / name).mkdir()
        if os.geteuid() == 0:
            _give(directory, account)
        self._command = [program, "-F", "-c", str(config)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._output: list[str] = []
        self._reader = threading.Thread(target=lambda: self._output.extend(self._process.stdout or ()), daemon=True)
        self._reader.start()
        try:
            self._greets()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the master process, which ends the others."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def log(self) -> str:
        """Everything it has said."""
        return "".join(self._output) + self._log.read_text()

    def _greets(self) -> None:
        """Returns once it answers. Its sockets are there a moment after the process; nothing announces that."""
        deadline = threading.Event()
        for _ in range(200):
            if self._process.poll() is not None:
                pytest.fail(f"Dovecot ended:\n{self.log()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S) as wire:
                    assert wire.recv(4) == b"220 ", self.log()
                    return
            except ConnectionRefusedError:
                deadline.wait(0.1)
        pytest.fail(f"Dovecot does not listen:\n{self.log()}")


def free_port() -> int:
    """A port that is free now; Dovecot can't choose one itself."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _give(directory: Path, account: pwd.struct_passwd) -> None:
    for path in (directory, *directory.rglob("*")):
        shutil.chown(path, account.pw_uid, account.pw_gid)
