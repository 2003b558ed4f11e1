"""The manifests fit each other, the image and the code, as far as that can be judged without a cluster."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from relay.config.loader import parse
from relay.config.settings import Delivery
from relay.web.gate import OPEN

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "deploy/kubernetes"
KUSTOMIZATION = yaml.safe_load((HERE / "kustomization.yaml").read_text())
FOUND = [one for name in KUSTOMIZATION["resources"] for one in yaml.safe_load_all((HERE / name).read_text())]
SETTINGS = parse((HERE / "relay.yaml").read_text())


def only(kind: str, name: str = "relay") -> dict[str, Any]:
    """The one resource of that kind and name."""
    (found,) = (one for one in FOUND if one["kind"] == kind and one["metadata"]["name"] == name)
    return dict(found)


POD = only("Deployment")["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
PORTS = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}


def test_every_file_is_named():
    """Nothing lies there that nobody applies."""
    named = {*KUSTOMIZATION["resources"], *KUSTOMIZATION["configMapGenerator"][0]["files"], "kustomization.yaml"}

    assert {path.name for path in HERE.iterdir()} == named


def test_there_is_never_a_second_process_on_the_spool():
    """One replica, and the old one ends before the new one starts, with time to finish."""
    spec = only("Deployment")["spec"]

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert POD["terminationGracePeriodSeconds"] > Delivery().stop_deadline_s


def test_the_ports_are_those_of_the_configuration():
    """Of the container in order, and of the Services by name; devices keep their addresses."""
    mail, pages = only("Service")["spec"], only("Service", "relay-http")["spec"]
    listen = [listener.port for listener in SETTINGS.listeners]

    assert list(PORTS.values()) == [*listen, int(SETTINGS.http.listen.rpartition(":")[2])]
    assert [(port["port"], port["targetPort"]) for port in mail["ports"]] == [
        (25, "smtp"), (587, "submission"), (465, "submissions"),
    ]  # fmt: skip
    assert [port["targetPort"] for port in pages["ports"]] == ["http"]
    assert mail["externalTrafficPolicy"] == "Local"


def test_every_selector_finds_the_pod():
    """Deployment, Services and NetworkPolicy."""
    labels = only("Deployment")["spec"]["template"]["metadata"]["labels"]

    assert only("Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert only("Service")["spec"]["selector"] == only("Service", "relay-http")["spec"]["selector"] == labels
    assert only("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_the_probes_ask_what_there_is(probe):
    """A path that needs no sign-in, on a port that is named."""
    asked = CONTAINER[probe]["httpGet"]

    assert CONTAINER[probe]["timeoutSeconds"] >= 5  # a machine that is busy answers late
    assert asked["path"] in OPEN
    assert asked["port"] in PORTS


def test_it_is_restricted_as_the_image_allows():
    """The user of the image, no privilege, no writable place but the spool and /tmp; the namespace enforces it."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    user = re.search(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)
    writable = [mount["mountPath"] for mount in CONTAINER["volumeMounts"] if not mount.get("readOnly")]
    pod, container = POD["securityContext"], CONTAINER["securityContext"]

    assert user is not None
    assert [str(pod["runAsUser"]), str(pod["runAsGroup"])] == [user[1], user[2]]
    assert pod["runAsNonRoot"] is True
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert only("Namespace")["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert sorted(writable) == ["/tmp", str(SETTINGS.data_dir)]


def test_every_volume_is_there():
    """Each mount has its volume; claim, secret and configuration are resources, the secret has what is asked for."""
    (secret,) = (app.credential.secret for app in SETTINGS.apps.values())
    volumes = {volume["name"]: volume for volume in POD["volumes"]}

    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == volumes.keys()
    assert only("PersistentVolumeClaim", volumes["spool"]["persistentVolumeClaim"]["claimName"])
    assert secret.credential in only("Secret", volumes["secrets"]["secret"]["secretName"])["stringData"]
    assert volumes["configuration"]["configMap"]["name"] == KUSTOMIZATION["configMapGenerator"][0]["name"]


def test_the_configuration_is_that_of_compose():
    """Two copies, one for each way; only their comments differ."""
    assert yaml.safe_load((HERE / "relay.yaml").read_text()) == yaml.safe_load((ROOT / "deploy/relay.yaml").read_text())
