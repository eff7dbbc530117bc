"""What `selfscale init kubernetes` writes: manifests, their rights, their pods."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from init_files import FIXTURES, ROOT, Written, mistakes, parsed, shown


def manifests(folder: Path) -> Iterator[dict[str, Any]]:
    for name in ("role.yaml", "service.yaml", "deployment.yaml"):
        yield from yaml.safe_load_all((folder / "k8s" / name).read_text())


def test_kubernetes_accepts_the_manifests(written: Written) -> None:
    definitions = json.loads((FIXTURES / "kubernetes" / "manifests-1.34.json").read_text())
    groups = {"v1": "core.v1", "apps/v1": "apps.v1", "rbac.authorization.k8s.io/v1": "rbac.v1"}
    kinds = []
    for document in manifests(written("kubernetes", "--service", "shop", "--namespace", "prod")):
        kind = f"api.{groups[document['apiVersion']]}.{document['kind']}"
        assert mistakes({"$ref": f"#/definitions/{kind}", **definitions}, document) == []
        assert document["metadata"]["namespace"] == "prod"
        kinds.append(document["kind"])
    assert kinds == ["ServiceAccount", "Role", "RoleBinding", "Service", "Deployment"]


def test_the_role_has_exactly_the_rights_of_its_page(written: Written) -> None:
    page = list(yaml.safe_load_all(shown("kubernetes.md", "yaml", "kind: Role")))
    role = (written("kubernetes", "--service", "web", "--namespace", "shop") / "k8s" / "role.yaml").read_text()
    # Beside another service's in one namespace it needs a name of its own.
    assert list(yaml.safe_load_all(re.sub(r"(name: )selfscale-web", r"\1selfscale", role))) == page


def test_rights_that_only_some_need_are_comments_each_with_its_reason(written: Written) -> None:
    role = (written("kubernetes", "--service", "web", "--namespace", "shop") / "k8s" / "role.yaml").read_text()
    lines = role.splitlines()
    optional = [number for number, line in enumerate(lines) if line.startswith("# - {")]
    assert all(lines[number - 1].startswith("# ") for number in optional)
    page = [
        rule
        for name in ("selfscale-idle-first", "selfscale-takeover")
        for document in yaml.safe_load_all(shown("kubernetes.md", "yaml", name))
        for rule in document.get("rules", [])
    ]
    assert yaml.safe_load("\n".join(lines[number][2:] for number in optional)) == page


def rights_that_kubernetes_code_names() -> set[tuple[str, str, str]]:
    """Verb, group and resource of every call of the driver and its fleet, as the code says them when one is denied."""
    source = "".join(path.read_text() for path in (ROOT / "cpp/src/drivers/kubernetes").glob("*.cpp"))
    literal, of_workload = r'"([\w.]*)"', r'std::string{resource_name\([\w.]+\)}(?: \+ "(/\w+)")?'
    calls = re.findall(rf'{{"(\w+)", (?:{literal}|{{}}),\s*(?:"(\w+)"|{of_workload}),', source)
    found = {(verb, group, resource or f"deployments{part}") for verb, group, resource, part in calls}
    leases = (ROOT / "cpp/src/fleet/kubernetes_lease.cpp").read_text()
    (verbs,) = re.findall(r'const auto verb = .*?"GET" \? "(\w+)".*?"PUT" \? "(\w+)" : "(\w+)";', leases)
    return found | {(verb, "coordination.k8s.io", "leases") for verb in verbs}


def rights_in(rules: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    parts = ((rule["verbs"], rule["apiGroups"], rule["resources"]) for rule in rules)
    return {right for part in parts for right in itertools.product(*part)}


def test_on_kubernetes_each_right_is_of_a_call_of_the_agents_and_each_call_has_its_right(written: Written) -> None:
    """With the rights that are comments. A question about one's own rights is everybody's."""
    role = (written("kubernetes") / "k8s" / "role.yaml").read_text()
    uncommented = re.sub("^# - {", "- {", role, flags=re.MULTILINE)
    _, rights, _ = yaml.safe_load_all(uncommented)
    asks = ("create", "authorization.k8s.io", "selfsubjectaccessreviews")
    assert rights_in(rights["rules"]) == rights_that_kubernetes_code_names() - {asks}


def test_a_right_to_write_on_kubernetes_is_held_to_names(written: Written) -> None:
    """But to create, which the API cannot hold to a name, and whose object has none yet."""
    _, role, *_ = manifests(written("kubernetes"))
    unnamed = [rule for rule in role["rules"] if "resourceNames" not in rule]
    assert [(rule["resources"], rule["verbs"]) for rule in unnamed] == [
        (["horizontalpodautoscalers"], ["list"]),
        (["leases"], ["create"]),
        (["pods"], ["list"]),
    ]


def test_pods_on_kubernetes_have_no_more_rights_than_they_need(written: Written) -> None:
    *_, deployment = manifests(written("kubernetes"))
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    told = {each["name"]: each.get("value") for each in container["env"]}
    writable = {each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")}
    for name in ("SELFSCALE_RUN_DIR", "SELFSCALE_STATE_DIR"):
        assert str(Path(told[name]).parent) in writable


def test_the_deployment_leaves_the_count_to_the_agent_and_bounds_its_pods(written: Written) -> None:
    *_, account_binding, _, deployment = manifests(written("kubernetes"))
    assert "replicas" not in deployment["spec"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == account_binding["subjects"][0]["name"]
    (container,) = pod["containers"]
    told = {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}
    assert told["POD_NAME"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert told["SELFSCALE_CPU_REQUEST"] == container["resources"]["requests"]["cpu"]
    assert told["SELFSCALE_MEMORY_REQUEST"] == container["resources"]["requests"]["memory"]
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}
    assert {"livenessProbe", "readinessProbe", "startupProbe"} <= set(container)


def test_probes_and_resources_are_those_of_the_guide(written: Written) -> None:
    *_, deployment = manifests(written("kubernetes"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    with (FIXTURES / "guides" / "neurocred" / "k8s-deployment.yaml").open() as file:
        (guide,) = next(yaml.safe_load_all(file))["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == guide["resources"]
    for probe in ("livenessProbe", "readinessProbe"):
        for key in ("initialDelaySeconds", "periodSeconds"):
            assert container[probe][key] == guide[probe][key]
        assert container[probe]["httpGet"]["path"] == guide[probe]["httpGet"]["path"]


def test_kustomize_finds_all_that_it_names(written: Written) -> None:
    folder = written("kubernetes") / "k8s"
    kustomization = parsed(folder / "kustomization.yaml")
    (generated,) = kustomization["configMapGenerator"]
    for name in [*kustomization["resources"], *generated["files"]]:
        assert (folder / name).is_file()
    *_, deployment = manifests(folder.parent)
    policy, _ = deployment["spec"]["template"]["spec"]["volumes"]
    assert policy["configMap"]["name"] == generated["name"]
