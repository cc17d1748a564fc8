"""The files of deploy/ are what they claim to be, and what they ask of the server is true of it."""

from __future__ import annotations

import configparser
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from served import ROOT, Served, cases_of, serving

DEPLOY = ROOT / "deploy"
MANIFESTS = sorted(DEPLOY.rglob("*.yml"))
KUBERNETES = "1.31"


def documents(path: Path) -> list[dict[str, Any]]:
    with path.open() as file:
        return [dict(part) for part in YAML(typ="safe").load_all(file)]


def of_kind(kind: str) -> dict[str, Any]:
    found = [d for path in MANIFESTS for d in documents(path) if d.get("kind") == kind]
    assert len(found) == 1, kind
    return found[0]


def seconds(text: str) -> float:
    number, unit = text.split()
    return float(number) * {"ms": 0.001, "s": 1, "min": 60}[unit]


def containers() -> Iterator[tuple[str, dict[str, Any], int]]:
    """Each container with its kind and the grace that its pod has."""
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    yield "Deployment", pod["containers"][0], pod["terminationGracePeriodSeconds"]
    grace = of_kind("InferenceService")["spec"]["predictor"]["terminationGracePeriodSeconds"]
    yield "ServingRuntime", of_kind("ServingRuntime")["spec"]["containers"][0], grace


def test_kubernetes_schemas() -> None:
    checker = pytest.importorskip("kubernetes_validate", reason="the extra `dev` brings it")
    for document in documents(DEPLOY / "kubernetes.yml"):
        checker.validate(document, KUBERNETES, strict=True)


def test_a_key_that_kubernetes_has_not_is_found() -> None:
    checker = pytest.importorskip("kubernetes_validate", reason="the extra `dev` brings it")
    broken = of_kind("Deployment")
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(checker.ValidationError):
        checker.validate(broken, KUBERNETES, strict=True)


def test_containers_run_as_nobody_and_write_nowhere() -> None:
    for _, container, _ in containers():
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert set(container["resources"]) == {"requests", "limits"}


def test_every_probe_is_a_path_of_the_server(denoiser_server: Served) -> None:
    for kind, container, _ in containers():
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container[name]["httpGet"]
            assert denoiser_server.ask(probe["path"]).status == 200, (kind, name)
            ports = {str(port["containerPort"]) for port in container["ports"]}
            names = {port["name"] for port in container["ports"]}
            assert str(probe["port"]) in ports | names


def test_whoever_waits_for_the_end_waits_longer_than_the_drain() -> None:
    drain = documents(DEPLOY / "server.yml")[0]["limits"]["drain"]
    in_cluster = YAML(typ="safe").load(of_kind("ConfigMap")["data"]["server.yml"])
    assert in_cluster["limits"]["drain"] == drain
    longest = seconds(drain["delay"]) + seconds(drain["deadline"])
    for kind, _, grace in containers():
        assert grace > longest, kind
    unit = systemd_unit()
    assert int(unit["Service"]["TimeoutStopSec"]) > longest
    assert unit["Service"]["KillSignal"] == "SIGTERM"
    probe = next(containers())[1]["readinessProbe"]
    # What sends requests must have heard that the server is not ready before it refuses them.
    assert probe["periodSeconds"] * probe["failureThreshold"] < seconds(drain["delay"])


def systemd_unit() -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(DEPLOY / "oxidizedvision.service")
    return unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    """`verify` wants the program to be there, so the unit is given one that is."""
    text = (DEPLOY / "oxidizedvision.service").read_text()
    unit = tmp_path / "oxidizedvision.service"
    unit.write_text(text.replace("/usr/local/bin/image_server", "/bin/true"))
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    own = [line for line in ended.stderr.splitlines() if "oxidizedvision" in line]
    assert (ended.returncode, own) == (0, [])


def test_the_image_has_no_rust_and_copies_what_is_there() -> None:
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    steps = [line for line in lines if line and not line.startswith("#")]
    assert not [line for line in steps if re.search(r"cargo|rustc|rustup|rust:", line)]
    for source in re.findall(r"^COPY (?:--\S+ )*(\S+)", "\n".join(steps), re.MULTILINE):
        assert source.startswith("dist/") or (ROOT / source).is_file(), source
    starts = [line for line in steps if line.startswith("FROM")]
    users = [line for line in steps if line.startswith("USER")]
    assert len(starts) == len(users) == 2
    assert all("10001" in line for line in users)


@pytest.fixture
def folder_of_denoiser(denoiser: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    for file in denoiser.parent.glob("denoiser*"):
        shutil.copy(file, folder)
    return folder


def test_the_settings_serve_a_folder(
    native_server: None, folder_of_denoiser: Path, tmp_path: Path
) -> None:
    """`server.yml` as it is shipped; the environment says where the models are, as in the unit."""
    environment = {
        "OXIDIZEDVISION_SERVER_FOLDER__PATH": str(folder_of_denoiser),
        "OXIDIZEDVISION_SERVER_HOST": "127.0.0.1",
    }
    arguments = ("--config", DEPLOY / "server.yml")
    with serving(*arguments, log=tmp_path / "log", environment=environment) as server:
        assert server.ask("/v2/models/denoiser/ready").status == 200
        assert server.ask("/health").json["model"] == "denoiser"


def test_no_request_is_lost_while_it_drains(
    native_server: None, denoiser: Path, tmp_path: Path
) -> None:
    """As Kubernetes ends a pod: SIGTERM, then requests until the probe has been heard."""
    settings = tmp_path / "server.yml"
    settings.write_text("limits: {drain: {delay: 2 s, deadline: 30 s}}\n")
    inputs, _ = cases_of(denoiser.parent / "denoiser.golden.safetensors")[0]
    document = {"input": inputs["input"].tolist()}
    statuses: list[int] = []
    with serving(
        denoiser, "--runner", "rten", "--config", settings, log=tmp_path / "log"
    ) as server:
        stop = threading.Event()

        def client() -> None:
            while not stop.is_set():
                statuses.append(server.send(document).status)

        clients = [threading.Thread(target=client) for _ in range(4)]
        for thread in clients:
            thread.start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        while server.ask("/v2/health/ready").status == 200:
            pass
        assert server.ask("/v2/health/live").status == 200
        before = len(statuses)
        time.sleep(0.5)
        stop.set()
        for thread in clients:
            thread.join(60)
        assert server.process.wait(60) == 0
    assert len(statuses) > before, "new work is still accepted while it is not ready"
    assert set(statuses) == {200}
