"""A small Debian of this machine's own release: its packages, fetched by apt, unpacked as they are, kept between runs.

It is what the container's base image and the machine that systemd boots are made of. Unpacking side by side and writing
the few files that maintainer scripts would have written takes ten seconds, where debootstrap takes a minute and more.
The tree is never changed: whoever boots it lays something over it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = (
    "base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "dbus", "diffutils", "dpkg",
    "findutils", "grep", "init-system-helpers", "iproute2", "libc-bin", "libnss-systemd", "login", "mawk", "netbase",
    "passwd", "procps", "python3", "python3-venv", "sed", "systemd", "systemd-sysv", "tar", "util-linux",
)  # fmt: skip
NEVER_READ = ("doc", "info", "locale", "man", "perl")  # of /usr/share
MERGED = ("bin", "lib", "lib64", "sbin")
KEPT_DAYS = 14
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


def tree() -> Path:
    """The tree, made anew when it is too old or this file says another one. Raises CalledProcessError."""
    kind = hashlib.sha256(Path(__file__).read_bytes() + Path("/etc/os-release").read_bytes()).hexdigest()[:12]
    made = cache() / f"debian-{kind}"
    with alone(cache() / "debian.lock"):
        if not made.exists() or time.time() - made.stat().st_ctime > KEPT_DAYS * 86_400:
            for old in cache().glob("debian-*/"):
                shutil.rmtree(old)
            _make(made, cache() / "packages")
    return made


def cache() -> Path:
    """The user's directory of what can be made again."""
    directory = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "m365-smtp-relay"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One process at a time: the test run has several."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _make(made: Path, packages: Path) -> None:
    unfinished = made.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    debs = _fetch(packages)
    for name in MERGED:
        (unfinished / "usr" / name).mkdir(parents=True)
        (unfinished / name).symlink_to(f"usr/{name}")
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda deb: _unpack(deb, unfinished), debs))
        said = list(both.map(_control, debs))
    _configure(unfinished)
    _write_status(unfinished, said)
    shutil.rmtree(packages)
    unfinished.rename(made)


def _fetch(directory: Path) -> list[Path]:
    """The packages and all they depend on, as if nothing were installed."""
    (directory / "partial").mkdir(parents=True, exist_ok=True)
    (directory / "status").touch()
    places = {"Dir::State::status": directory / "status", "Dir::Cache::archives": directory}
    sandbox = {"APT::Sandbox::User": "root", "Debug::NoLocking": 1}
    options = [f"-o{name}={value}" for name, value in (places | sandbox).items()]
    command = ["apt-get", "-qq", "-y", *options, "--no-install-recommends", "--download-only", "install", *PACKAGES]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        subprocess.run(["apt-get", "-qq", "update"], check=True)
        subprocess.run(command, check=True)
    return sorted(directory.glob("*.deb"))


def _unpack(deb: Path, root: Path) -> None:
    """tar follows the links of a merged /usr, which dpkg-deb would replace by directories."""
    left_out = [f"--exclude=./usr/share/{name}" for name in NEVER_READ]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as packed:
        subprocess.run(["tar", "-xC", root, "--keep-directory-symlink", *left_out], stdin=packed.stdout, check=True)


def _control(deb: Path) -> str:
    return subprocess.run(["dpkg-deb", "--field", deb], capture_output=True, text=True, check=True).stdout


def _write_status(root: Path, said: list[str]) -> None:
    """dpkg in the tree knows what is there, so that it judges what another package depends on."""
    for name in ("info", "updates"):
        (root / "var/lib/dpkg" / name).mkdir(parents=True, exist_ok=True)
    lines = (text.replace("\n", "\nStatus: install ok installed\n", 1) for text in said)
    (root / "var/lib/dpkg/status").write_text("\n".join(lines))


def _configure(root: Path) -> None:
    """What the maintainer scripts of these packages leave behind, as far as it is used."""
    for name in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / f"etc/{name}")
    (root / "etc/nsswitch.conf").write_text("passwd: files systemd\ngroup: files systemd\nhosts: files dns\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (root / "etc/machine-id").touch()
    (root / "var/run").rmdir()
    (root / "var/run").symlink_to("/run")
    (root / _CERTIFICATES).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path("/") / _CERTIFICATES, root / _CERTIFICATES)
    subprocess.run(["systemd-sysusers", f"--root={root}"], capture_output=True, check=True)
    subprocess.run(["ldconfig", "-r", root], check=True)
    never = "/(test|tests|lib2to3|idlelib|ensurepip|distutils|pydoc_data|tkinter)/"
    compiled = ["python3", "-m", "compileall", "-q", "-x", never, f"/usr/lib/python{python_of(root)}"]
    subprocess.run(["chroot", root, *compiled], check=True)


def python_of(root: Path) -> str:
    """The version of its Python, such as 3.11."""
    return (root / "usr/bin/python3").readlink().name.removeprefix("python")
