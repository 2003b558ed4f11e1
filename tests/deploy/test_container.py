"""The container's files, as far as they can be judged without an engine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_linter_has_no_complaint(need_tool):
    """hadolint, nobody's here, finds nothing."""
    ended = subprocess.run([need_tool("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


def test_the_image_runs_as_a_number_and_not_as_root():
    """Kubernetes' runAsNonRoot can only judge numeric users."""
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]


def test_the_build_needs_no_front_end_image():
    """A syntax line would have to be downloaded, and older builders know no heredocs."""
    assert "syntax=" not in DOCKERFILE
    assert "<<" not in DOCKERFILE


def test_all_that_the_build_copies_is_let_through():
    """What .dockerignore holds back can't be copied."""
    wanted = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert {name for line in wanted for name in line.split()} == let_through
    assert all((ROOT / name).exists() for name in let_through)


def test_compose_runs_it_hardened_with_its_spool_on_a_volume():
    """Read-only root, no capability, no new privileges; the volume is the one the image names."""
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    relay = compose["services"]["relay"]
    volume = re.search(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)
    port = re.search(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)

    assert relay["read_only"] is True
    assert relay["cap_drop"] == ["ALL"]
    assert relay["security_opt"] == ["no-new-privileges:true"]
    assert volume is not None
    assert f"spool:{volume[1]}" in relay["volumes"]
    assert port is not None
    assert relay["ports"] == [f"25:{port[1]}"]
    assert set(relay["secrets"]) <= set(compose["secrets"])
