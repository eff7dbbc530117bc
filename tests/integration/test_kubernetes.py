"""The driver `kubernetes` and its fleet on a real control plane, against the truth read behind their back."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import json
import os
import random
import shlex
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from control_plane import PROGRAMS, RBAC, Api, ControlPlane, Refused, Shop, running_control_plane
from selfscale import Agent
from waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(500)]

APP = Path(__file__).parent / "kubernetes_app.py"
IDLE, BUSY = 0, 50
DECISIONS, KILLS = 50, 3
"""Of the agents that are killed. Each time the lease has to run out, which takes 30 seconds."""
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with running_control_plane() as started:
        yield started


MakeShop = Callable[..., Shop]


@pytest.fixture
def make_shop(plane: ControlPlane) -> MakeShop:
    """Namespaces of a test's own, which are left as they are: nothing cleans them up, and nothing is in their way."""
    return lambda *given, **more: Shop(plane, f"shop-{next(numbers)}", *given, **more)


def policy_for(platform: dict[str, Any]) -> dict[str, Any]:
    """Two replicas or four, as deep as a gauge says."""
    return {
        "service": "web",
        "minReplicas": 2,
        "maxReplicas": 4,
        "evaluationInterval": "250ms",
        "startup": {"expected": "1s", "timeout": "30s"},
        "platform": platform,
        "metrics": [{"name": "depth", "window": "2s", "aggregation": "last"}],
        "rules": [
            {"name": "depth", "type": "threshold", "metric": "depth", "scaleUp": 10, "scaleDown": 2}
            | {"scaleUpBy": 2, "scaleDownBy": 2}
        ],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    }


Start = Callable[..., Agent]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start agents that are enabled, each on a host of its own; they are stopped in the end."""
    started: list[Agent] = []

    def make(
        platform: dict[str, Any], depth: float = BUSY, environment: dict[str, str] | None = None, **gauges: float
    ) -> Agent:
        host = tmp_path / str(len(started))
        settings = {
            "SELFSCALE_FLEET": "kubernetes",
            "SELFSCALE_RUN_DIR": str(host / "run"),
            "SELFSCALE_STATE_DIR": str(host / "state"),
            **(environment or {}),
        }
        agent = Agent(policy_for(platform), service="web", enable=True, environment=settings)
        for name, value in {"depth": depth, **gauges}.items():
            agent.gauge(name).set(value)
        started.append(agent)
        agent.start()
        return agent

    yield make
    for agent in reversed(started):
        agent.stop()


def events(agent: Agent) -> str:
    """All that was done, in words."""
    return " | ".join(f"{each.outcome}: {each.reason}: {each.error}" for each in agent.history("web"))


def wrong(agent: Agent) -> str:
    """What the driver's preflight found wrong."""
    return json.dumps(agent.status()["preflight"]["wrong"])


# --- what init writes


class Written:
    """What `selfscale init kubernetes` writes, applied by kubectl, and kubeconfigs of accounts in its namespace."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane, self.folder, self.name_space = plane, folder, f"shop-{next(numbers)}"
        plane.admin.ask("POST", "/api/v1/namespaces", {"metadata": {"name": self.name_space}})
        init = ["selfscale", "init", "kubernetes", "--namespace", self.name_space, "--image", "web:1"]
        said = subprocess.run(init, cwd=folder, check=True, capture_output=True, text=True).stdout
        self.following = [line.strip() for line in said.partition("Next:\n")[2].splitlines()]
        for line in self.following[:4]:
            self.shell(line)
        rules = plane.admin.get(self.role_path)["rules"]
        until(lambda: plane.grants(self.name_space, "selfscale-web", rules), str(rules))

    def shell(self, line: str) -> str:
        """What a line of the command's says, with kubectl as the cluster's administrator."""
        path = f"{PROGRAMS}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "KUBECONFIG": str(self.plane.folder / "admin.kubeconfig")}
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        return done.stdout.strip()

    def kubectl(self, *words: str) -> str:
        return self.shell(shlex.join(["kubectl", "-n", self.name_space, *words]))

    def platform(self, account: str = "selfscale-web") -> dict[str, Any]:
        user = {"token": self.kubectl("create", "token", account)}
        kubeconfig = self.plane.write_kubeconfig(f"{self.name_space}-{account}", user, self.name_space)
        return {"driver": "kubernetes", "deployment": "web", "kubeconfig": str(kubeconfig)}

    def policies(self, account: str = "selfscale-web") -> Path:
        path = self.folder / f"{account}.json"
        path.write_text(json.dumps({"policies": [policy_for(self.platform(account))]}))
        return path

    @property
    def role_path(self) -> str:
        return f"{RBAC.format(self.name_space)}/roles/selfscale-web"

    def rights(self) -> set[tuple[str, str, str]]:
        """Verb, resource and name of each; no name: whichever it is."""
        return rights_of(self.plane.admin.get(self.role_path)["rules"])

    def optional(self) -> set[tuple[str, str, str]]:
        """Those that are comments in the file."""
        lines = (self.folder / "k8s" / "role.yaml").read_text().splitlines()
        return rights_of(yaml.safe_load("\n".join(line[2:] for line in lines if line.startswith("# - {"))))


def rights_of(rules: Iterable[dict[str, Any]]) -> set[tuple[str, str, str]]:
    parts = ((each["verbs"], each["resources"], each.get("resourceNames", [""])) for each in rules)
    return {right for each in parts for right in itertools.product(*each)}


@pytest.fixture
def written(plane: ControlPlane, tmp_path: Path) -> Written:
    return Written(plane, tmp_path)


def test_what_init_writes_is_taken_and_nothing_is_wrong_with_it(written: Written) -> None:
    """By kubectl and the API server. With one verb less doctor names it, and the line to paste."""
    policies, admin = written.policies(), written.plane.admin
    assert found_by_doctor(policies, "wrong") == []
    role = admin.get(written.role_path)
    [rule] = [rule for rule in role["rules"] if rule["resources"] == ["deployments/scale"]]
    before = dict(rule)
    rule["verbs"] = ["get"]
    admin.ask("PUT", written.role_path, role)
    [found] = until(lambda: found_by_doctor(policies, "wrong"), "doctor finds nothing")
    assert "update deployments/scale web (apps)" in found["what"]
    assert yaml.safe_load(found["paste"]) == [before]


def test_what_init_grants_is_what_the_driver_asks_for(written: Written) -> None:
    """Neither more nor less: an account that may nothing is told each right; the one on pods is a comment."""
    written.kubectl("create", "serviceaccount", "nobody")
    policies = written.policies("nobody")
    found = [*found_by_doctor(policies, "wrong"), *found_by_doctor(policies, "warnings")]
    rules = [rule for each in found if each["paste"].startswith("- {") for rule in yaml.safe_load(each["paste"])]
    of_driver = {right for right in rights_of(rules) if right[1] != "leases"}
    granted = {right for right in written.rights() if right[1] != "leases"}
    assert of_driver - granted == {("patch", "pods", "")} == of_driver & written.optional()
    assert granted <= of_driver


def test_agents_meet_by_the_leases_of_init_and_its_lines_find_the_one_that_leads(
    written: Written, start: Start
) -> None:
    """By the API server's own log they use each right that they have on Leases, and were refused none."""
    leading = start(written.platform())
    until(lambda: leading.status()["role"] == "leader", leading.status)
    following = start(written.platform())
    until(lambda: following.status()["leader"] == leading.status()["process"], following.status)
    [line] = [each for each in written.following if each.startswith("leader=")]
    assert written.shell(f'{line}\necho "$leader"') == socket.gethostname()
    for _ in range(2):  # the first makes a Lease, the second changes it
        leading.pause("web")
        leading.disable()

    def used() -> set[tuple[str, str, str]]:
        done = written.plane.audited(written.name_space, "leases")
        assert [each for each in done if each["responseStatus"]["code"] == 403] == []
        named = ((each["verb"], "leases", each["objectRef"].get("name", "")) for each in done)
        return {(verb, what, "" if verb == "create" else name) for verb, what, name in named}

    granted = {right for right in written.rights() if right[1] == "leases"}
    until(lambda: used() == granted, lambda: used() ^ granted)


def found_by_doctor(policies: Path, kind: str) -> list[Any]:
    """What is wrong, or the warnings."""
    environment = {**os.environ, "SELFSCALE_FLEET": "kubernetes", "AUTOSCALING_ENABLED": "true"}
    command = ["selfscale", "doctor", "--json", "--policies", str(policies)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = json.loads(done.stdout)
    assert (done.returncode == 0) == said["ok"], done.stderr
    [service] = said["services"]
    return [each for check in service["checks"] for each in check[kind]]


# --- scaling


@pytest.mark.parametrize("resource", ["deployments", "statefulsets"])
def test_it_scales_the_workload_and_leaves_all_else_as_it_is(make_shop: MakeShop, start: Start, resource: str) -> None:
    """Two, four, two: with the permissions of the page, and nothing of the workload but its count changes."""
    shop = make_shop(resource)
    before, first = shop.read(), shop.ready_pods()
    agent = start(shop.platform())
    until(lambda: len(shop.ready_pods()) == 4, agent.status)
    assert first <= shop.ready_pods()
    until(lambda: "succeeded" in events(agent), lambda: (events(agent), agent.status()))
    after = shop.read()
    assert after["spec"].pop("replicas") == 4
    assert before["spec"].pop("replicas") == 2
    assert after["spec"] == before["spec"]
    agent.gauge("depth").set(IDLE)
    until(lambda: shop.replicas() == 2 and len(shop.pods()) == 2, agent.status)
    until(lambda: events(agent).count("succeeded") == 2, lambda: (events(agent), agent.status()))
    found = agent.status()["preflight"]
    assert found["wrong"] == []
    of_an_agent_beside = ("an agent inside a replica", "this process calls itself")
    assert [each for each in found["warnings"] if not each.startswith(of_an_agent_beside)] == []


class Proxy:
    """Between an agent and the API: somebody else writes right before the agent's first write arrives."""

    def __init__(self, plane: ControlPlane, first: Callable[[], None]) -> None:
        self.statuses: list[int] = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                is_write = self.command == "PUT" and "/scale" in self.path
                if is_write and not proxy.statuses:
                    first()
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode() or None
                api = Api(plane.port, plane.authority, self.headers["Authorization"].removeprefix("Bearer "))
                try:
                    status, said = 200, json.dumps(api.ask(self.command, self.path, body))
                except Refused as refused:
                    status, said = refused.status, refused.said
                if is_write:
                    proxy.statuses.append(status)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said.encode())))
                self.end_headers()
                self.wfile.write(said.encode())

            do_GET = do_POST = do_PUT = pass_on

            def log_message(self, *words: object) -> None:
                """Nothing: the statuses say enough."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(plane.authority, plane.authority.with_suffix(".key"))
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_who_writes_first_wins(plane: ControlPlane, make_shop: MakeShop, start: Start) -> None:
    """The API refuses what was decided on an older version; the other's number is adopted, and decided on anew."""
    shop = make_shop()
    proxy = Proxy(plane, lambda: shop.set_replicas(3))
    try:
        agent = start(shop.platform(port=proxy.port))
        until(lambda: "somebody else asked for 3" in events(agent), lambda: (events(agent), proxy.statuses))
        assert proxy.statuses[0] == 409
        until(lambda: shop.replicas() == 4 and proxy.statuses[-1] == 200, agent.status)
        assert set(proxy.statuses[:-1]) == {409}, "the deployment's controller writes meanwhile, too"
        agent.stop()
    finally:
        proxy.stop()


def test_a_foreign_change_is_adopted(make_shop: MakeShop, start: Start) -> None:
    """Somebody's `kubectl scale` is not fought."""
    shop = make_shop()
    agent = start(shop.platform(), depth=5)
    until(lambda: agent.status()["role"] == "leader" and agent.recommendation("web"), agent.status)
    shop.set_replicas(3)
    until(lambda: "somebody else asked for 3" in events(agent), agent.status)
    assert shop.replicas() == 3


def test_a_pod_at_work_stays_though_the_agent_that_leads_does_not_hear_it(
    plane: ControlPlane, make_shop: MakeShop, start: Start, tmp_path: Path
) -> None:
    """It tells so itself, by its deletion cost. So does the leader's pod while it scales. The newest would go first."""
    shop = make_shop(replicas=2)
    older = shop.ready_pods()
    time.sleep(1.1)  # pods tell when they started in whole seconds
    shop.set_replicas(4)
    until(lambda: len(shop.ready_pods()) == 4, shop.pods)
    own, busy = shop.ready_pods() - older
    agent = start(shop.platform(), depth=5, environment={"POD_NAME": own})
    until(lambda: agent.status()["role"] == "leader" and agent.recommendation("web"), agent.status)
    at_work = {"POD_NAME": busy, "BUSY_WORKERS": "1"}
    worker = Process(tmp_path / "busy", policy_for(shop.platform()), at_work, depth=5)
    with ended([worker]):
        until(lambda: deletion_costs(shop) == {busy: "1073741000"}, lambda: (shop.pods(), worker.said()))
        agent.scale("web", 2)
        until(lambda: len(shop.pods()) == 2, agent.status)
        assert shop.ready_pods() == {own, busy}
        until(lambda: deletion_costs(shop) == {busy: "1073741000"}, shop.pods)
    assert {each["objectRef"]["name"] for each in plane.audited(shop.name, "pods")} == {own, busy}


def deletion_costs(shop: Shop) -> dict[str, str]:
    """Those of pods that have one."""
    annotations = {pod["metadata"]["name"]: pod["metadata"].get("annotations", {}) for pod in shop.pods()}
    name = "controller.kubernetes.io/pod-deletion-cost"
    return {pod: each[name] for pod, each in annotations.items() if name in each}


# --- permissions and credentials


@pytest.mark.parametrize(
    ("resource", "verb", "missing"),
    [
        ("deployments/scale", "update", "update deployments/scale web (apps)"),
        ("horizontalpodautoscalers", "list", "list horizontalpodautoscalers (autoscaling)"),
    ],
)
def test_a_permission_that_is_missing_is_named(
    make_shop: MakeShop, start: Start, resource: str, verb: str, missing: str
) -> None:
    """One verb short, nothing is done; once it is there, the agent acts."""
    shop = make_shop()
    role = shop.take_right_away(resource, verb)
    agent = start(shop.platform())
    until(lambda: missing in wrong(agent), agent.status)
    assert shop.replicas() == 2
    shop.admin.ask("PUT", shop.role_path, role)
    until(lambda: shop.replicas() == 4, agent.status)


def test_without_the_right_to_leases_nobody_leads(make_shop: MakeShop, start: Start) -> None:
    """And which right is missing is said."""
    shop = make_shop()
    shop.take_right_away("leases", "create")
    agent = start(shop.platform())
    until(lambda: "create leases selfscale-lease-web" in json.dumps(agent.status()), agent.status)
    assert shop.replicas() == 2


def printing_the_token_of(file: Path) -> dict[str, Any]:
    """A program as the kubeconfigs of EKS, GKE and AKS name one."""
    version = "client.authentication.k8s.io/v1"
    credential = f'{{"apiVersion": "{version}", "kind": "ExecCredential", "status": {{"token": "%s"}}}}'
    script = f"printf '{credential}' \"$(cat {file})\""
    return {"apiVersion": version, "command": "sh", "args": ["-c", script], "interactiveMode": "Never"}


@pytest.mark.parametrize("given_by", ["a file", "a program"])
def test_a_token_is_replaced_while_the_agent_runs(
    make_shop: MakeShop, start: Start, tmp_path: Path, given_by: str
) -> None:
    """A file is read at each use, a program is run again once the API refuses what it gave. The old one is worth
    nothing any more.
    """
    shop, file = make_shop(), tmp_path / "token"
    user = {"tokenFile": str(file)} if given_by == "a file" else {"exec": printing_the_token_of(file)}
    old = shop.new_token(bound_to=shop.add_secret("old"))
    file.write_text(old)
    kubeconfig = shop.plane.write_kubeconfig(f"{shop.name}-rotated", user, shop.name)
    agent = start({"driver": "kubernetes", "kubeconfig": str(kubeconfig)})
    until(lambda: "succeeded" in events(agent), agent.status)
    new = file.with_suffix(".new")
    new.write_text(shop.new_token(bound_to=shop.add_secret("new")))
    new.replace(file)
    shop.admin.ask("DELETE", f"/api/v1/namespaces/{shop.name}/secrets/old")
    until(lambda: is_refused(Api(shop.plane.port, shop.plane.authority, old)), lambda: "the old token is taken")
    agent.gauge("depth").set(IDLE)
    until(lambda: events(agent).count("succeeded") == 2, lambda: (events(agent), agent.status()))
    assert shop.replicas() == 2
    assert agent.status()["role"] == "leader"


def is_refused(api: Api) -> bool:
    try:
        api.get("/api")
    except Refused as refused:
        return refused.status == 401
    return False


# --- other autoscalers


class Autoscaler:
    """A HorizontalPodAutoscaler that wants less than there is: its controller writes its maximum again and again."""

    def __init__(self, shop: Shop, owner: dict[str, str] | None = None) -> None:
        self.shop = shop
        self.collection = f"/apis/autoscaling/v2/namespaces/{shop.name}/horizontalpodautoscalers"
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        up = {"stabilizationWindowSeconds": 7, "selectPolicy": "Min"}
        spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 2, "behavior": {"scaleUp": up}}
        metadata = {"name": "web", "ownerReferences": [owner] if owner else []}
        shop.admin.ask("POST", self.collection, {"metadata": metadata, "spec": spec})
        until(lambda: self.has_been_looked_at, self.read)
        self.before = self.read()["spec"]

    def read(self) -> Any:
        return self.shop.admin.get(f"{self.collection}/web")

    def delete(self) -> None:
        self.shop.admin.ask("DELETE", f"{self.collection}/web")

    @property
    def has_been_looked_at(self) -> bool:
        """Whether its controller has been through it as it is now."""
        now = self.read()
        looked = now["status"].get("observedGeneration", 0)
        return bool(looked == now["metadata"].get("generation", 0)) and "conditions" in now["status"]

    def is_as_before(self) -> bool:
        now = self.read()
        return bool(now["spec"] == self.before) and "selfscale/taken-over" not in now["metadata"].get("annotations", {})

    def fights(self) -> bool:
        """Whether it puts its own number back."""
        self.shop.set_replicas(3)
        until(lambda: self.shop.replicas() == 2, self.read)
        return True

    def has_given_up(self) -> bool:
        """Whether it came to no count when it was last looked at."""
        conditions = {each["type"]: each for each in self.read()["status"].get("conditions", [])}
        return bool(conditions.get("ScalingActive", {}).get("status") == "False")


def test_a_second_autoscaler_is_refused(make_shop: MakeShop, start: Start) -> None:
    """Kubernetes' own, which would undo what is done."""
    shop = make_shop()
    autoscaler = Autoscaler(shop)
    assert autoscaler.fights()
    agent = start(shop.platform())
    words = "HorizontalPodAutoscaler web scales Deployment web too (2 to 2 replicas)"
    until(lambda: words in wrong(agent), agent.status)
    until(lambda: (said := agent.recommendation("web")) and said.recommended_replicas == 4, agent.status)
    assert shop.replicas() == 2
    assert autoscaler.is_as_before()
    autoscaler.delete()
    until(lambda: shop.replicas() == 4, agent.status)


def test_with_consent_an_autoscaler_is_suspended_and_given_back(make_shop: MakeShop, start: Start) -> None:
    """While it is, its controller comes to no count; then it fights for its own again."""
    shop = make_shop(takes_over=True)
    autoscaler = Autoscaler(shop)
    assert autoscaler.fights()
    agent = start(shop.platform(takeOver=True))
    until(lambda: "succeeded" in events(agent), lambda: (events(agent), agent.status()))
    until(autoscaler.has_given_up, autoscaler.read)
    assert shop.replicas() == 4
    agent.gauge("depth").set(IDLE)
    until(lambda: shop.replicas() == 2, agent.status)
    agent.disable("web")
    until(autoscaler.is_as_before, autoscaler.read)
    assert autoscaler.fights()


def test_the_permission_that_a_takeover_needs_is_named(make_shop: MakeShop, start: Start) -> None:
    shop = make_shop()
    autoscaler = Autoscaler(shop)
    agent = start(shop.platform(takeOver=True))
    until(lambda: "patch horizontalpodautoscalers web (autoscaling)" in wrong(agent), agent.status)
    assert autoscaler.is_as_before()


def test_what_a_killed_agent_had_taken_over_is_given_back_by_the_next(
    make_shop: MakeShop, start: Start, tmp_path: Path
) -> None:
    """What it was before stands on the autoscaler itself."""
    shop = make_shop(takes_over=True)
    autoscaler = Autoscaler(shop)
    platform = shop.platform(takeOver=True)
    first = Process(tmp_path / "first", policy_for(platform), {"SELFSCALE_FLEET": "single"})
    try:
        until(lambda: shop.replicas() == 4, first.said)
    finally:
        first.kill()
    assert not autoscaler.is_as_before()
    agent = start(platform, depth=5, environment={"SELFSCALE_FLEET": "single"})
    until(lambda: agent.status()["role"] == "leader" and agent.recommendation("web"), agent.status)
    agent.stop()
    assert autoscaler.is_as_before(), autoscaler.read()


def scaled_object(shop: Shop) -> dict[str, str]:
    """One of KEDA's, as far as it is looked at here; it owns the autoscaler that KEDA makes."""
    open_schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": open_schema}}
    names = {"kind": "ScaledObject", "listKind": "ScaledObjectList", "plural": "scaledobjects"}
    spec = {"group": "keda.sh", "scope": "Namespaced", "names": names, "versions": [version]}
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    shop.admin.ask("POST", definitions, {"metadata": {"name": "scaledobjects.keda.sh"}, "spec": spec})
    body = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"name": "web"}, "triggers": []},
    }
    path = f"/apis/keda.sh/v1alpha1/namespaces/{shop.name}/scaledobjects"
    made = until(lambda: when_served(lambda: shop.admin.ask("POST", path, body)), lambda: "it is not served")
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web", "uid": made["metadata"]["uid"]}


def when_served(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Refused as refused:
        if refused.status not in {404, 429, 503}:
            raise
        return None


def test_with_consent_kedas_object_is_paused_and_given_back(make_shop: MakeShop, start: Start) -> None:
    """KEDA then deletes the autoscaler that it made; here the test does."""
    shop = make_shop(takes_over=True)
    autoscaler = Autoscaler(shop, owner=scaled_object(shop))
    path = f"/apis/keda.sh/v1alpha1/namespaces/{shop.name}/scaledobjects/web"

    def annotations() -> dict[str, str]:
        found: dict[str, str] = shop.admin.get(path)["metadata"].get("annotations", {})
        return found

    agent = start(shop.platform(takeOver=True))
    until(lambda: annotations().get("autoscaling.keda.sh/paused") == "true", agent.status)
    assert autoscaler.is_as_before()
    autoscaler.delete()
    until(lambda: len(shop.ready_pods()) == 4, agent.status)
    agent.disable("web")
    until(lambda: annotations() == {}, agent.status)


# --- several agents


class Process:
    """An agent in a process of its own, on a host of its own."""

    def __init__(self, folder: Path, policy: dict[str, Any], environment: dict[str, str], depth: float = BUSY) -> None:
        self.folder = folder
        folder.mkdir()
        self.policy = policy
        self.set_depth(depth)
        self.set_policy()
        self.environment = {
            **os.environ,
            "SELFSCALE_FLEET": "kubernetes",
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
            **environment,
        }
        self.start()

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(APP), str(self.folder / "policies.json"), str(self.folder / "depth")],
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def set_depth(self, depth: float) -> None:
        self.write("depth", str(depth))

    def set_policy(self, **changes: Any) -> None:
        self.write("policies.json", json.dumps({**self.policy, **changes}))

    def write(self, name: str, text: str) -> None:
        written = self.folder / f"{name}.new"
        written.write_text(text)
        written.replace(self.folder / name)

    def leads(self, shop: Shop) -> bool:
        return shop.leader().endswith(f"/{self.process.pid}")

    def said(self) -> str:
        return (self.folder / "log").read_text()

    def terminate(self) -> None:
        self.process.terminate()
        self.process.wait(100)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def ended(processes: Iterable[Process]) -> Iterator[None]:
    try:
        yield
    finally:
        for each in processes:
            each.kill()


def test_a_leader_whose_own_pod_goes_hands_over(make_shop: MakeShop, tmp_path: Path) -> None:
    """Of a StatefulSet the highest ordinal goes: the leader scales itself away, and the count holds."""
    shop = make_shop("statefulsets", replicas=4)
    policy = policy_for(shop.platform())
    leader = Process(tmp_path / "leader", policy, {"POD_NAME": "web-3"})
    with ended([leader]):
        until(lambda: leader.leads(shop), leader.said)
        other = Process(tmp_path / "other", policy, {"POD_NAME": "web-0"})
        with ended([other]):
            for each in (leader, other):
                each.set_policy(maxReplicas=2)
            until(lambda: "web-3" not in {pod["metadata"]["name"] for pod in shop.pods()}, leader.said)
            leader.terminate()  # as its node does
            until(lambda: other.leads(shop), other.said)
            until(lambda: shop.ready_pods() == {"web-0", "web-1"}, shop.pods)
            other.set_policy(minReplicas=3)
            until(lambda: shop.ready_pods() == {"web-0", "web-1", "web-2"}, other.said)


@pytest.mark.timeout(1800)
def test_of_three_agents_one_writes_whoever_is_killed(plane: ControlPlane, make_shop: MakeShop, tmp_path: Path) -> None:
    """By the API server's log: each term of the lease has one holder, and nobody else sets the count meanwhile."""
    shop = make_shop()
    agents: list[Process] = []
    with contextlib.ExitStack() as running:
        for name in ("a", "b", "c"):
            shop.add_account(name)
            agent = Process(tmp_path / name, policy_for(shop.platform(name)), {"SELFSCALE_INSTANCE": name}, IDLE)
            running.enter_context(ended([agent]))
            agents.append(agent)
        kills = random.sample(range(2, DECISIONS), KILLS)
        for decision in range(DECISIONS):
            depth, count = (IDLE, 2) if decision % 2 else (BUSY, 4)
            for agent in agents:
                agent.set_depth(depth)
            if decision in kills:
                time.sleep(random.random() / 2)  # somewhere between the look, the decision and the write
                kill_leader(shop, agents)
            until(partial(has_ready, shop, count), lambda: [agent.said() for agent in agents], seconds=120)
    terms, writes = read_audit(plane, shop)
    assert all(len(holders) == 1 for holders in terms.values()), terms
    assert len(terms) > KILLS
    assert [write for write in writes if write.user != write.holder] == []
    assert len(writes) >= DECISIONS
    assert {write.replicas for write in writes} == {2, 4}


def has_ready(shop: Shop, count: int) -> bool:
    return len(shop.ready_pods()) == count


def kill_leader(shop: Shop, agents: list[Process]) -> None:
    """It comes back at once, and finds its own lease held."""
    leader = until(lambda: next((agent for agent in agents if agent.leads(shop)), None), shop.leader)
    leader.kill()
    leader.start()


class Write(NamedTuple):
    """One of the count, and who held the lease then."""

    user: str
    holder: str
    replicas: int


def read_audit(plane: ControlPlane, shop: Shop) -> tuple[dict[int, set[str]], list[Write]]:
    """The holders of each term of the lease, by its token, and what was written of the count.

    Of a client that is killed meanwhile a write is logged as 504, and may have been carried out.
    """
    holder, terms, writes = "", defaultdict[int, set[str]](set), list[Write]()
    entries = plane.audited(shop.name, "leases") + plane.audited(shop.name, "deployments/scale")
    for entry in sorted(entries, key=lambda each: str(each["stageTimestamp"])):
        is_refused = 400 <= entry["responseStatus"]["code"] < 500
        if is_refused or entry["verb"] not in {"create", "update"}:
            continue
        user = entry["user"]["username"].rpartition(":")[2]  # who is refused at the door has none
        if entry["objectRef"]["resource"] == "deployments":
            writes.append(Write(user, holder, int(entry["requestObject"]["spec"]["replicas"])))
            continue
        lease = entry["requestObject"]
        if lease["metadata"]["name"] == "selfscale-lease-web":
            record = json.loads(lease["metadata"]["annotations"]["selfscale/record"])
            holder = user if record["holder"] else ""
            terms[record["token"]].add(user)
    return terms, writes
