"""The container's files, as far as they can be judged without an engine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import yaml

from relay.config.loader import parse

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "compose.yaml"
DASHBOARD = "127.0.0.1:8925:8925"
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
    compose = yaml.safe_load(COMPOSE.read_text())
    relay = compose["services"]["relay"]
    volume = re.search(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)

    assert relay["read_only"] is True
    assert relay["cap_drop"] == ["ALL"]
    assert relay["security_opt"] == ["no-new-privileges:true"]
    assert volume is not None
    assert f"spool:{volume[1]}" in relay["volumes"]
    assert set(relay["secrets"]) <= set(compose["secrets"])


def test_compose_publishes_what_the_configuration_listens_on():
    """Mail to everybody; the dashboard to this machine alone; the image names all of them."""
    settings = parse((ROOT / "deploy/relay.yaml").read_text())
    inside = [str(listener.port) for listener in settings.listeners]
    relay = yaml.safe_load(COMPOSE.read_text())["services"]["relay"]
    exposed = re.search(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)

    assert relay["ports"] == [*(f"{out}:{port}" for out, port in zip((25, 587, 465), inside, strict=True)), DASHBOARD]
    assert settings.http.listen == "0.0.0.0:8925"
    assert exposed is not None
    assert exposed[1].split() == [*inside, "8925"]


def test_compose_is_understood(need_tool, tmp_path):
    """docker-compose itself finds no mistake; every file it mounts is in the checkout; monitoring is asked for."""
    shutil.copy(COMPOSE, tmp_path)
    ended = subprocess.run(
        [need_tool("docker-compose"), "config"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    mounted = re.findall(r"^ +- \./(\S+?):", COMPOSE.read_text(), re.MULTILINE)

    assert ended.returncode == 0, ended.stderr
    services = yaml.safe_load(ended.stdout)["services"]
    assert [name for name, service in services.items() if "profiles" not in service] == ["relay"]
    assert [path for path in mounted if not (ROOT / path).exists()] == ["relay.yaml"]
