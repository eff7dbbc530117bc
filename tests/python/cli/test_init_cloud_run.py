"""What `selfscale init cloud_run` writes: a service, roles, and what sets them up."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import selfscale as library
from init_files import FIXTURES, ROOT, Written, mistakes, parsed, stand_in


def test_cloud_run_accepts_the_service(written: Written) -> None:
    document = parsed(written("cloud_run") / "cloud_run" / "service.yaml")
    schema = json.loads((FIXTURES / "cloud_run" / "service-v1.schema.json").read_text())
    assert mistakes(schema, document) == []


def test_the_roles_on_cloud_run_have_exactly_the_rights_of_its_page(written: Written) -> None:
    page = (ROOT / "docs" / "drivers" / "cloud_run.md").read_text()
    section = page.partition("## Permissions")[2].partition("## ")[0]
    for_pools = {"run.workerpools.get", "run.workerpools.update"}
    asked = set(re.findall(r"`((?:run|iam)\.\w+\.\w+)`", section)) - for_pools
    folder = written("cloud_run", "--service", "shop") / "cloud_run"
    on_service = parsed(folder / "role.yaml")["includedPermissions"]
    on_project = parsed(folder / "role-operations.yaml")["includedPermissions"]
    assert asked == {*on_service, *on_project, "iam.serviceAccounts.actAs"}
    assert on_project == ["run.operations.get"]
    setup = (folder / "setup.sh").read_text().replace("\\\n  ", "")
    who = '--member "serviceAccount:$account"'
    assert (
        f"services add-iam-policy-binding shop --region europe-west1 {who} --role projects/shop/roles/selfscale\n"
        in setup
    )
    assert f'service-accounts add-iam-policy-binding "$account" {who} --role roles/iam.serviceAccountUser' in setup


def test_on_cloud_run_each_right_is_of_a_call_of_the_drivers_and_takeover_needs_no_other(written: Written) -> None:
    source = (ROOT / "cpp" / "src" / "drivers" / "cloud_run" / "api.cpp").read_text()
    of_service = {f"run.services.{verb}" for verb in re.findall(r'right_to\(\w+, "(\w+)"\)', source)}
    of_account = set(re.findall(r"iam\.serviceAccounts\.\w+", source))
    others = set(re.findall(r'"(run\.\w+\.\w+)"', source))
    folder = written("cloud_run") / "cloud_run"
    assert set(parsed(folder / "role.yaml")["includedPermissions"]) == of_service
    assert set(parsed(folder / "role-operations.yaml")["includedPermissions"]) == others
    assert of_account == {"iam.serviceAccounts.actAs"}, "which roles/iam.serviceAccountUser has"


@pytest.mark.parametrize("count", ["", "7"])
def test_the_setup_on_cloud_run_makes_what_is_missing_alone_and_leaves_the_count(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: str
) -> None:
    """A second service of the project finds the roles, and a second run everything."""
    stand_in(
        tmp_path / "bin" / "gcloud",
        f'echo "$@" >>{tmp_path}/log; case "$*" in *describe*) echo {count}; {"true" if count else "false"};; esac',
    )
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    setup = written("cloud_run", "--service", "shop") / "cloud_run" / "setup.sh"
    assert subprocess.run([setup], check=False).returncode == 0
    called = (tmp_path / "log").read_text()
    made = re.findall(r"iam (\S+) create (\S+)", called)
    wanted = [("service-accounts", "run-shop"), ("roles", "selfscale"), ("roles", "selfscale_operations")]
    assert made == ([] if count else wanted)
    replaced = called.index("run services replace service.yaml")
    assert called.index(f"run services update shop --region europe-west1 --scaling {count or 3}\n") > replaced


def test_the_agent_on_cloud_run_has_cpu_at_all_times_and_the_count_to_itself(written: Written) -> None:
    folder = written("cloud_run")
    document = parsed(folder / "cloud_run" / "service.yaml")
    assert document["metadata"]["annotations"] == {"run.googleapis.com/scalingMode": "manual"}
    revision = document["spec"]["template"]
    assert revision["metadata"]["annotations"] == {"run.googleapis.com/cpu-throttling": "false"}
    assert revision["spec"]["containerConcurrency"] == 80
    (container,) = revision["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "2Gi"}
    (policy,) = library.load_policies(folder / "selfscale.json")
    assert (policy["minReplicas"], policy["maxReplicas"]) == (3, 10)
