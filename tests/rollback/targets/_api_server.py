"""A real kube-apiserver with its etcd, as `scripts/apiserver` builds it: on the loopback, with RBAC, kept nowhere."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import trustme
import yaml

from otel_clinical.simulate._ports import free_ports
from otel_clinical.simulate._waiting import wait_until
from tests.rollback.targets._programs import ROOT, ended

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLE = ROOT / "examples" / "kubernetes-role.yaml"
NAMESPACE = "clinical"
ADMIN = "a-token-of-the-administrator"
ACCOUNT, READER = "otel-clinical-rollback", "otel-clinical-reader"
ANALYSES = (
    ("AnalysisRun", "analysisruns", "Namespaced"),
    ("AnalysisTemplate", "analysistemplates", "Namespaced"),
    ("ClusterAnalysisTemplate", "clusteranalysistemplates", "Cluster"),
    ("Experiment", "experiments", "Namespaced"),
)
"""What the controller of Argo Rollouts looks for beside Rollouts."""
_READY_S = 120
_FOLDERS = {
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "Namespace": "/api/v1/namespaces",
    "Role": f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/roles",
    "RoleBinding": f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/rolebindings",
    "ServiceAccount": f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts",
}


class ApiServer:
    """A running server: where it is, whom it trusts, and what an administrator may ask of it."""

    def __init__(self, url: str, authority: Path) -> None:
        self.url, self.authority = url, authority
        self.http = self.client(ADMIN)

    def client(self, token: str) -> httpx.Client:
        """Return a client that shows a token."""
        headers = {"Authorization": f"Bearer {token}"}
        trust = ssl.create_default_context(cafile=str(self.authority))
        return httpx.Client(base_url=self.url, headers=headers, verify=trust, trust_env=False, timeout=60)

    def make(self, wanted: dict[str, Any]) -> None:
        """Create one thing, as `kubectl create` does."""
        answer = self.http.post(_FOLDERS[wanted["kind"]], json=wanted)
        assert answer.status_code in {201, 409}, answer.text

    def token(self, account: str) -> str:
        """Return a token of a service account, as a pod is given one."""
        asked = {"spec": {"expirationSeconds": 3600}}
        answer = self.http.post(f"{_FOLDERS['ServiceAccount']}/{account}/token", json=asked)
        shown: str = answer.raise_for_status().json()["status"]["token"]
        return shown

    def kubeconfig(self, token: str) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [
                {"name": "test", "cluster": {"server": self.url, "certificate-authority": str(self.authority)}}
            ],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }


@contextmanager
def serving(binary: Path) -> Iterator[ApiServer]:
    """Run a server with the namespace, the definitions and the accounts that the tests need."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="kube-")))  # short: it holds sockets
        _prepare(folder)
        port = free_ports(1)[0]
        log = held.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen([binary, "serve", folder, *_flags(folder, port)], stdout=log, stderr=log)
        held.callback(ended, process)
        server = ApiServer(f"https://127.0.0.1:{port}", folder / "ca.pem")
        held.callback(server.http.close)
        wait_until(lambda: _ready(server, process, folder), within=_READY_S, what="the API server to be ready")
        _furnish(server)
        yield server


def _prepare(folder: Path) -> None:
    authority = trustme.CA()
    shown = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    shown.private_key_pem.write_to_path(folder / "key.pem")
    for pem in shown.cert_chain_pems:
        pem.write_to_path(folder / "cert.pem", append=True)
    (folder / "tokens.csv").write_text(f'{ADMIN},administrator,1,"system:masters"\n')


def _flags(folder: Path, port: int) -> list[str]:
    return [
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={folder / 'cert.pem'}",
        f"--tls-private-key-file={folder / 'key.pem'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'key.pem'}",
        f"--service-account-signing-key-file={folder / 'key.pem'}",
        "--service-cluster-ip-range=10.96.0.0/24",
        "--endpoint-reconciler-type=none",
        "--disable-admission-plugins=ServiceAccount",
    ]


def _ready(server: ApiServer, process: subprocess.Popen[bytes], folder: Path) -> bool:
    assert process.poll() is None, (folder / "log").read_text()[-4000:]
    try:
        return server.http.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _furnish(server: ApiServer) -> None:
    """Make the namespace, both definitions, the shipped role with its account, and one that may only read."""
    server.make({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": NAMESPACE}})
    for group, version, kind, plural in (
        ("argoproj.io", "v1alpha1", "Rollout", "rollouts"),
        ("serving.kserve.io", "v1beta1", "InferenceService", "inferenceservices"),
    ):
        server.make(definition(group, version, kind, plural))
        folder = f"/apis/{group}/{version}/namespaces/{NAMESPACE}/{plural}"
        wait_until(
            lambda folder=folder: server.http.get(folder).status_code == httpx.codes.OK,
            within=_READY_S,
            what=f"{plural} to be served",
        )
    shipped = list(yaml.safe_load_all(ROLE.read_text()))
    for wanted in (*shipped, *_reading(shipped)):
        server.make(wanted)


def _reading(shipped: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the shipped account, role and binding once more, under another name and without `patch`."""
    text = yaml.safe_dump_all(shipped).replace(ACCOUNT, READER)
    for wanted in yaml.safe_load_all(text):
        for rule in wanted.get("rules", ()):
            rule["verbs"] = [verb for verb in rule["verbs"] if verb != "patch"]
        yield wanted


def definition(group: str, version: str, kind: str, plural: str, scope: str = "Namespaced") -> dict[str, Any]:
    """Return a definition that takes any specification and keeps the status to itself, as the originals do."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {
        "name": version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}},
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [served],
        },
    }
