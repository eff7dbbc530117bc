"""A Kubernetes control plane of a test's own: etcd, API server, controllers, scheduler; KWOK plays its node."""

from __future__ import annotations

import contextlib
import copy
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_ports
from waiting import until

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "build" / "go"  # made by tools/go-programs
DRIVER_PAGE = ROOT / "docs" / "drivers" / "kubernetes.md"
# Nothing needs to be cleaned up here.
CONTROLLERS = ["deployment", "replicaset", "statefulset", "horizontal-pod-autoscaler"]
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Request", "resources": [{"group": "apps", "resources": ["deployments/scale"]}]},
        {"level": "Request", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
        {"level": "Metadata", "resources": [{"group": "", "resources": ["pods"]}], "verbs": ["patch"]},
        {"level": "None"},
    ],
}


class Refused(Exception):
    """The API's word on what it does not do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.said = status, message


class Api:
    """The API, as one who has a token sees it."""

    def __init__(self, port: int, authority: Path, token: str) -> None:
        self.port, self.token = port, token
        self.authority = authority

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """Ask for what must succeed; `body` as text goes as it is."""
        tls = ssl.create_default_context(cafile=str(self.authority))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=tls)
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        headers = {"Authorization": f"Bearer {self.token}", **({"Content-Type": kind} if data else {})}
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            said = response.read().decode()
        finally:
            connection.close()
        if response.status >= 300:
            raise Refused(response.status, said)
        return json.loads(said) if said.startswith("{") else said

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def patch(self, path: str, body: Any) -> Any:
        return self.ask("PATCH", path, body, "application/merge-patch+json")


class ControlPlane:
    """The truth behind a driver's back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificates = folder / "certificates"
        self.audit_log = folder / "audit.log"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.etcd_port, peer_port, self.port = free_ports(3)
        self.start_etcd(peer_port)
        self.start_api_server()
        self.admin = Api(self.port, self.authority, "admin")
        until(self.is_ready, self.log("apiserver").read_text, seconds=150)
        admin = str(self.write_kubeconfig("admin", {"token": "admin"}, "default"))
        self.start_part("scheduler", "--kubeconfig", admin, "--leader-elect=false", "--secure-port=0")
        self.start_part(
            "controller-manager",
            *["--kubeconfig", admin, "--leader-elect=false", "--secure-port=0"],
            "--controllers=" + ",".join(f"{name}-controller" for name in CONTROLLERS),
            "--horizontal-pod-autoscaler-sync-period=1s",
        )
        stages = str(PROGRAMS / "kwok-stages.yaml")
        self.start("kwok", str(PROGRAMS / "kwok"), "--kubeconfig", admin, "--manage-all-nodes=true", "--config", stages)
        self.add_node()

    @property
    def authority(self) -> Path:
        return self.certificates / "apiserver.crt"

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def start(self, name: str, *words: str) -> None:
        with self.log(name).open("wb") as log:
            self.processes.append(subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder))

    def start_part(self, part: str, *words: str) -> None:
        self.start(part, str(PROGRAMS / "control-plane"), part, *words)

    def start_etcd(self, peer_port: int) -> None:
        clients, peers = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{peer_port}"
        self.start(
            "etcd",
            *[str(PROGRAMS / "etcd"), "--data-dir", str(self.folder / "etcd"), "--unsafe-no-fsync"],
            *["--listen-client-urls", clients, "--advertise-client-urls", clients],
            *["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers],
            *["--initial-cluster", f"default={peers}"],
        )

    def start_api_server(self) -> None:
        tokens, policy = self.folder / "tokens.csv", self.folder / "audit.json"
        tokens.write_text('admin,admin,1,"system:masters"\n')
        policy.write_text(json.dumps(AUDIT))
        signing = self.folder / "signing.pem"
        subprocess.run(["openssl", "genrsa", "-out", str(signing), "2048"], check=True, capture_output=True)
        self.start_part(
            "apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            *["--bind-address=127.0.0.1", f"--secure-port={self.port}", f"--cert-dir={self.certificates}"],
            "--service-account-issuer=https://kubernetes.default.svc",
            *[f"--service-account-signing-key-file={signing}", f"--service-account-key-file={signing}"],
            *["--authorization-mode=RBAC", f"--token-auth-file={tokens}"],
            *[f"--audit-policy-file={policy}", f"--audit-log-path={self.audit_log}"],
            *["--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24"],
        )

    def add_node(self) -> None:
        """One for all pods, which become ready by themselves."""
        self.admin.ask("POST", "/api/v1/nodes", {"metadata": {"name": "node"}})
        self.admin.patch("/api/v1/nodes/node", {"spec": {"taints": None}})  # a new one counts as not ready

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError, Refused):
            return bool(self.admin.get("/readyz") == "ok")
        return False

    def allows(self, name_space: str, account: str, resource: str, verb: str, group: str, name: str = "") -> bool:
        """The authorizer's own word: it hears of a changed role a moment later."""
        kind, _, part = resource.partition("/")
        attributes = {"namespace": name_space, "group": group, "resource": kind, "subresource": part}
        attributes |= {"verb": verb, "name": name}
        asked = {"user": f"system:serviceaccount:{name_space}:{account}", "resourceAttributes": attributes}
        said = self.admin.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": asked})
        return bool(said["status"]["allowed"])

    def grants(self, name_space: str, account: str, rules: list[dict[str, Any]]) -> bool:
        """Whether all rules of a role hold by now."""
        return all(
            self.allows(name_space, account, resource, verb, rule["apiGroups"][0], *rule.get("resourceNames", [])[:1])
            for rule in rules
            for resource in rule["resources"]
            for verb in rule["verbs"]
        )

    def write_kubeconfig(self, name: str, user: dict[str, str], name_space: str, port: int = 0) -> Path:
        """A kubeconfig file; JSON is YAML."""
        path = self.folder / f"{name}.kubeconfig"
        server = {"server": f"https://127.0.0.1:{port or self.port}", "certificate-authority": str(self.authority)}
        context = {"cluster": "test", "user": "test", "namespace": name_space}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": context}],
            "clusters": [{"name": "test", "cluster": server}],
            "users": [{"name": "test", "user": user}],
        }
        path.write_text(json.dumps(config))
        return path

    def audited(self, name_space: str, resource: str) -> list[Any]:
        """What was done there, by the API server's own log, in its order."""
        lines = self.audit_log.read_text().splitlines(keepends=True)
        entries = [json.loads(line) for line in lines if line.endswith("\n")]
        return [each for each in entries if is_about(each["objectRef"], name_space, resource)]

    def stop(self) -> None:
        """End all, those that came last first."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM if process is not self.processes[0] else signal.SIGKILL)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


@contextlib.contextmanager
def running_control_plane() -> Iterator[ControlPlane]:
    """Start a control plane; it leaves nothing."""
    missing = [] if shutil.which("openssl") else ["openssl"]
    if not all((PROGRAMS / name).exists() for name in ("control-plane", "etcd", "kubectl", "kwok")):
        missing.append("build/go (tools/go-programs makes it, with Go 1.26 or later)")
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"not there: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not there: {', '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="selfscale-kubernetes-") as folder:
        plane = ControlPlane(Path(folder))
        try:
            yield plane
        finally:
            plane.stop()


def is_about(reference: dict[str, str], name_space: str, resource: str) -> bool:
    kind, _, part = resource.partition("/")
    return (reference["namespace"], reference["resource"], reference.get("subresource", "")) == (name_space, kind, part)


RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}"
PATHS = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Role": f"{RBAC}/roles",
    "RoleBinding": f"{RBAC}/rolebindings",
}


def manifests_of_the_page(takes_over: bool) -> list[str]:
    """What the driver's page has people apply: what is tested is what is written there."""
    usual, idle_first, for_takeover = re.findall(r"```yaml\n(.*?)```", DRIVER_PAGE.read_text(), re.DOTALL)
    blocks = [usual, idle_first, for_takeover] if takes_over else [usual, idle_first]
    return [manifest for block in blocks for manifest in block.split("---\n")]


class Shop:
    """A namespace with one workload `web`, and with accounts that may what the driver's page says."""

    def __init__(
        self,
        plane: ControlPlane,
        name: str,
        resource: str = "deployments",
        replicas: int = 2,
        takes_over: bool = False,
    ) -> None:
        self.plane, self.name, self.resource = plane, name, resource
        self.admin = plane.admin
        self.admin.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        for manifest in manifests_of_the_page(takes_over):
            self.apply(manifest.replace("deployments", resource))
        self.make_workload(replicas)
        until(lambda: len(self.ready_pods()) == replicas, lambda: (self.read(), self.pods()))

    def apply(self, manifest: str) -> None:
        """Make what a document of YAML says, in this namespace."""
        kind = re.search(r"^kind: (\w+)", manifest, re.MULTILINE)
        assert kind, manifest
        path = PATHS[kind[1]].format(self.name)
        self.admin.ask("POST", path, manifest.replace("namespace: shop", f"namespace: {self.name}"), "application/yaml")

    def make_workload(self, replicas: int) -> None:
        labels = {"app": "web"}
        probe = {"httpGet": {"port": 80}}
        pod = {
            "serviceAccountName": "selfscale",
            "containers": [{"name": "web", "image": "web", "readinessProbe": probe}],
        }
        spec: dict[str, Any] = {"replicas": replicas, "selector": {"matchLabels": labels}}
        spec["template"] = {"metadata": {"labels": labels}, "spec": pod | {"terminationGracePeriodSeconds": 0}}
        if self.resource == "statefulsets":
            spec |= {"serviceName": "web", "podManagementPolicy": "Parallel"}
        path = f"/apis/apps/v1/namespaces/{self.name}/{self.resource}"
        self.admin.ask("POST", path, {"metadata": {"name": "web"}, "spec": spec})

    # --- the truth

    @property
    def path(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.name}/{self.resource}/web"

    def read(self) -> Any:
        return self.admin.get(self.path)

    def replicas(self) -> int:
        return int(self.read()["spec"]["replicas"])

    def set_replicas(self, count: int) -> None:
        """As `kubectl scale` does."""
        self.admin.patch(f"{self.path}/scale", {"spec": {"replicas": count}})

    def pods(self) -> list[Any]:
        found: list[Any] = self.admin.get(f"/api/v1/namespaces/{self.name}/pods")["items"]
        return found

    def ready_pods(self) -> set[str]:
        return {pod["metadata"]["name"] for pod in self.pods() if is_ready(pod)}

    def leader(self) -> str:
        """Who holds the lease."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.name}/leases/selfscale-lease-web"
        with contextlib.suppress(Refused):
            return str(self.admin.get(path)["spec"].get("holderIdentity", ""))
        return ""

    # --- who comes to scale it

    @property
    def role_path(self) -> str:
        return f"{RBAC.format(self.name)}/roles/selfscale"

    def take_right_away(self, resource: str, verb: str) -> Any:
        """The role lacks it from now on; how it was before."""
        before = self.admin.get(self.role_path)
        del before["metadata"]["resourceVersion"]
        role = copy.deepcopy(before)
        for rule in role["rules"]:
            if resource in rule["resources"]:
                rule["verbs"] = [each for each in rule["verbs"] if each != verb]
        role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]
        self.admin.ask("PUT", self.role_path, role)
        taken = [
            {**rule, "resources": [resource], "verbs": [verb]}
            for rule in before["rules"]
            if resource in rule["resources"] and verb in rule["verbs"]
        ]
        until(lambda: not any(self.plane.grants(self.name, "selfscale", [rule]) for rule in taken), str(taken))
        return before

    def add_account(self, name: str) -> None:
        """One more who may what `selfscale` may."""
        self.admin.ask("POST", PATHS["ServiceAccount"].format(self.name), {"metadata": {"name": name}})
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "selfscale"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": self.name}],
        }
        self.admin.ask("POST", PATHS["RoleBinding"].format(self.name), binding)

    def add_secret(self, name: str) -> dict[str, str]:
        """Something that a token may be bound to: without it the token is worth nothing."""
        made = self.admin.ask("POST", f"/api/v1/namespaces/{self.name}/secrets", {"metadata": {"name": name}})
        return {"apiVersion": "v1", "kind": "Secret", "name": name, "uid": made["metadata"]["uid"]}

    def new_token(self, account: str = "selfscale", bound_to: dict[str, str] | None = None) -> str:
        """As `kubectl create token` does."""
        path = f"/api/v1/namespaces/{self.name}/serviceaccounts/{account}/token"
        asked = {"spec": {"expirationSeconds": 3600, "boundObjectRef": bound_to}}
        return str(self.admin.ask("POST", path, asked)["status"]["token"])

    def kubeconfig(self, account: str = "selfscale", port: int = 0) -> str:
        user = {"token": self.new_token(account)}
        return str(self.plane.write_kubeconfig(f"{self.name}-{account}", user, self.name, port))

    def platform(self, account: str = "selfscale", port: int = 0, **more: Any) -> dict[str, Any]:
        """A policy's platform object that leads here."""
        kind = "statefulSet" if self.resource == "statefulsets" else "deployment"
        return {"driver": "kubernetes", kind: "web", "kubeconfig": self.kubeconfig(account, port), **more}


def is_ready(pod: Any) -> bool:
    if "deletionTimestamp" in pod["metadata"]:
        return False
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))
