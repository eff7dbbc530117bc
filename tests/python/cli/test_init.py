"""`selfscale init`: what it writes is valid where it goes, asks for no more than the pages say, and costs no file."""

from __future__ import annotations

import itertools
import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import selfscale as library
import yaml
from botocore.validate import ParamValidator
from jsonschema import Draft7Validator
from selfscale.cli._app import app
from selfscale.cli.init import PLATFORMS
from typer.testing import CliRunner

Run = Callable[..., Any]
Written = Callable[..., Path]

ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "python" / "selfscale" / "templates"
FIXTURES = ROOT / "tests" / "fixtures"


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in an empty directory, in this process: there are many of them."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["init", *map(str, arguments)])


@pytest.fixture
def written(init: Run, tmp_path: Path) -> Written:
    """The folder that a platform's files were written to."""

    def write(platform: str, *options: str) -> Path:
        folder = tmp_path / platform
        ended = init(platform, "--out", folder, *options)
        assert ended.exit_code == 0, ended.stderr
        return folder

    return write


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def parsed(path: Path) -> Any:
    """The one document of a YAML or JSON file."""
    text = path.read_text()
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def mistakes(schema: dict[str, Any], document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(document)]


def shown(page: str, language: str, word: str) -> str:
    """The first block of a page on a driver that has a word in it."""
    text = (ROOT / "docs" / "drivers" / page).read_text()
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return next(block for block in blocks if word in block)


# Every platform


def test_every_folder_of_templates_is_a_platform() -> None:
    assert sorted(path.name for path in TEMPLATES.iterdir()) == sorted(PLATFORMS)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_all_templates_are_written(platform: str, written: Written) -> None:
    assert sorted(files(written(platform))) == sorted(files(TEMPLATES / platform))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_policy_is_accepted_without_a_hint_and_only_recommends(platform: str, written: Written) -> None:
    folder = written(platform, "--service", "shop")
    found = [path for path in folder.rglob("*.json") if '"policies"' in path.read_text()]
    assert len(found) == 1
    (policy,) = library.load_policies(found[0])
    assert library.hints(found[0]) == []
    assert (policy["service"], policy["enabled"], policy["platform"]["driver"]) == ("shop", False, platform)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_placeholder_is_left(platform: str, written: Written, init: Run) -> None:
    assert "__" not in "".join(files(written(platform, "--service", "shop")).values())
    assert "__" not in init(platform, "--out", "elsewhere").stdout


@pytest.mark.parametrize("platform", PLATFORMS)
def test_templates_are_valid_files_themselves(platform: str) -> None:
    for path in (TEMPLATES / platform).rglob("*"):
        if path.suffix in {".yaml", ".yml"}:
            assert list(yaml.safe_load_all(path.read_text())), path
        if path.suffix == ".json" and "policies" not in path.read_text():
            assert json.loads(path.read_text()), path


@pytest.mark.parametrize("platform", PLATFORMS)
def test_it_says_what_it_wrote_and_the_lines_to_run(platform: str, init: Run, tmp_path: Path) -> None:
    ended = init(platform)
    written, _, following = ended.stdout.partition("Next:\n")
    assert following.count("\n") == len(PLATFORMS[platform].following) >= 3
    assert subprocess.run(["bash", "-n"], input=following, text=True, check=False).returncode == 0
    assert re.search("^  (selfscale validate|scripts/setup-autoscaling.sh)", following, re.MULTILINE)
    named = [line.strip() for line in written.splitlines() if line.startswith("  ")]
    assert named == sorted(files(tmp_path))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_lines_begin_with_what_the_app_must_have(platform: str, init: Run, tmp_path: Path) -> None:
    """Health checks ask for routes that the library answers, so without it nothing ever becomes ready."""
    first = init(platform).stdout.partition("Next:\n")[2].splitlines()[0]
    text = "".join(files(tmp_path).values())
    assert "/health/" in text
    assert [words for words in ("instrument(app)", "selfscale[fastapi,cli]", "/health") if words not in first] == []
    assert ("selfscale.json" in first) == ("selfscale.json is a part of the image" in text)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_policy_by_cpu_says_whom_the_agent_that_leads_hears(platform: str, written: Written) -> None:
    (text,) = (each for each in files(written(platform)).values() if '"policies"' in each)
    plain = re.sub(r"\s+(// )?", " ", text)
    said = re.search(r"hears its own \w+ alone.* adds late, and takes none away", plain)
    assert bool(said) == ('"metric": "cpu_usage"' in text)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_limits_in_requests_are_said_to_be_examples(platform: str, init: Run, tmp_path: Path) -> None:
    """How many one replica carries depends on the app; a percentage of its CPU does not."""
    following = init(platform).stdout.partition("Next:\n")[2]
    (policy,) = (
        library.load_policies(path)[0] for path in tmp_path.rglob("*.json") if '"policies"' in path.read_text()
    )
    rules = [rule for rule in policy["rules"] if rule["metric"] in {"request_rate", "in_flight"}]
    limits = [rule[key] for rule in rules for key in ("scaleUp", "scaleDown", "targetPerReplica") if key in rule]
    said = re.findall(r"# The limits? of ([\d and]+) requests .* stands? for your own", following)
    assert [int(number) for numbers in said for number in numbers.split(" and ")] == limits


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_files_that_the_lines_name_are_there(platform: str, init: Run, tmp_path: Path) -> None:
    ended = init(platform)
    following = ended.stdout.partition("Next:\n")[2]
    for path in re.findall(
        r"(?:file://|validate |--spec |-k |-c |git add )([\w./-]+)|^  ([\w/-]+\.sh)", following, re.MULTILINE
    ):
        assert (tmp_path / "".join(path)).exists(), path


@pytest.mark.parametrize("platform", PLATFORMS)
def test_printing_writes_nothing(platform: str, init: Run, tmp_path: Path) -> None:
    ended = init(platform, "--print")
    assert ended.exit_code == 0
    assert list(tmp_path.iterdir()) == []
    init(platform)
    expected = (f"==> {path} <==\n{text}" for path, text in sorted(files(tmp_path).items()))
    assert ended.stdout == "\n".join(expected)


# What is refused


@pytest.mark.parametrize(
    ("called", "meant"),
    [
        ("k8s", "kubernetes"),
        ("kubernete", "kubernetes"),
        ("ECS", "ecs"),
        ("fargate", "ecs"),
        ("cloud-run", "cloud_run"),
    ],
)
def test_an_unknown_platform_is_refused_with_the_list_and_the_nearest(init: Run, called: str, meant: str) -> None:
    ended = init(called)
    assert ended.exit_code == 2
    assert f"did you mean {meant}?" in ended.stderr
    assert ", ".join(PLATFORMS) in ended.stderr


def test_where_nothing_is_near_nothing_is_guessed(init: Run) -> None:
    ended = init("vercel")
    assert ended.exit_code == 2
    assert "did you mean" not in ended.stderr


@pytest.mark.parametrize(
    "name", ["", "../up", "a b", "a;rm", "$(id)", ".a", "-a", "a\n", "wéb", "1.5", "yes", "w" * 99]
)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_name_that_no_service_can_have_is_refused(platform: str, name: str, init: Run, tmp_path: Path) -> None:
    ended = init(platform, f"--service={name}")
    assert ended.exit_code == 2
    assert "cannot be a service's name" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_the_platform_does_not_take_is_refused_in_words(init: Run) -> None:
    ended = init("kubernetes", "--service", "My_Shop")
    assert ended.exit_code == 2
    assert "lower-case letters, digits and dashes" in ended.stderr


def test_an_option_of_another_platform_is_refused(init: Run) -> None:
    ended = init("kubernetes", "--cluster", "prod")
    assert ended.exit_code == 2
    assert "kubernetes has no use for --cluster; it has --service, --namespace, --image" in ended.stderr


def test_without_a_platform_it_lists_them(init: Run) -> None:
    ended = init()
    assert ended.exit_code == 2
    assert (
        ended.stderr == f"selfscale: say for which platform: selfscale init PLATFORM, one of {', '.join(PLATFORMS)}\n"
    )


def test_an_image_of_a_registry_that_begins_with_a_number_is_one(written: Written) -> None:
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:1"
    assert image in (written("ecs", "--image", image) / "ecs" / "task-definition.yaml").read_text()


@pytest.mark.parametrize("value", ["a b", "x\ny: 1", '"', "", "$HOME", "null", "0x1f"])
def test_a_value_that_would_break_a_file_is_refused(init: Run, tmp_path: Path, value: str) -> None:
    ended = init("ecs", f"--cluster={value}")
    assert ended.exit_code == 2
    assert "--cluster" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("platform", "option", "value"),
    [("ecs", "--account", "12345"), ("ecs", "--account", "yes"), ("digitalocean", "--app", "web")],
)
def test_an_id_of_another_shape_is_refused(init: Run, platform: str, option: str, value: str) -> None:
    ended = init(platform, option, value)
    assert ended.exit_code == 2
    assert option in ended.stderr


def test_a_value_that_looks_like_a_placeholder_is_a_value(written: Written) -> None:
    folder = written("ecs", "--service", "a__region__b", "--cluster", "x__service__")
    (policy,) = library.load_policies(folder / "selfscale.json")
    assert (policy["service"], policy["platform"]["cluster"]) == ("a__region__b", "x__service__")


def test_what_is_given_is_no_example_any_more(init: Run) -> None:
    said = init("ecs", "--cluster", "prod", "--region", "eu-central-1").stdout
    examples = next(line for line in said.splitlines() if "Examples" in line)
    assert "--account" in examples
    assert "--cluster" not in examples
    assert "--region" not in examples


# Files that are there already


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_file_that_is_there_survives_and_nothing_is_half_written(
    platform: str, init: Run, written: Written, tmp_path: Path
) -> None:
    last = sorted(files(written(platform)))[-1]
    mine = tmp_path / "mine"
    (mine / last).parent.mkdir(parents=True)
    (mine / last).write_text("mine")
    ended = init(platform, "--out", mine)
    assert ended.exit_code == 1
    assert last in ended.stderr
    assert "--force" in ended.stderr
    assert files(mine) == {last: "mine"}


def test_a_link_that_leads_nowhere_is_a_file_that_is_there(init: Run, tmp_path: Path) -> None:
    link = tmp_path / "selfscale.json"
    link.symlink_to("nowhere")
    assert init("ecs").exit_code == 1
    assert link.is_symlink()
    assert list(tmp_path.iterdir()) == [link]


def test_force_replaces_what_is_there_and_nothing_else(init: Run, tmp_path: Path) -> None:
    (tmp_path / "selfscale.json").write_text("mine")
    (tmp_path / "ecs").mkdir()
    (tmp_path / "ecs" / "notes").write_text("mine, too")
    ended = init("ecs", "--force")
    assert ended.exit_code == 0, ended.stderr
    assert library.load_policies(tmp_path / "selfscale.json")
    assert (tmp_path / "ecs" / "notes").read_text() == "mine, too"


def test_force_does_not_replace_a_folder(init: Run, tmp_path: Path) -> None:
    (tmp_path / "selfscale.json").mkdir()
    ended = init("ecs", "--force")
    assert ended.exit_code == 1
    assert "selfscale.json is a folder" in ended.stderr
    assert files(tmp_path) == {}


def test_a_place_that_cannot_be_is_a_sentence(init: Run, tmp_path: Path) -> None:
    (tmp_path / "ecs").write_text("mine")
    ended = init("ecs")
    assert ended.exit_code == 1
    assert ended.stderr == "selfscale: nothing was written, for ecs is a file, and a folder is needed there\n"
    assert files(tmp_path) == {"ecs": "mine"}
    below = init("kubernetes", "--out", "ecs")
    assert below.exit_code == 1
    assert "for ecs is a file, and a folder is needed there" in below.stderr


def test_a_place_where_nothing_can_be_made_is_called_by_its_name(init: Run) -> None:
    ended = init("ecs", "--out", "/proc")
    assert ended.exit_code == 1
    assert ended.stderr.startswith("selfscale: cannot write into /proc: ")


# kubernetes


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


# ecs


def test_ecs_accepts_the_task_and_the_service(written: Written) -> None:
    folder = written("ecs") / "ecs"
    calls = botocore.session.get_session().get_service_model("ecs")
    for name, call in (("task-definition", "RegisterTaskDefinition"), ("service", "CreateService")):
        document = parsed(folder / f"{name}.yaml")
        report = ParamValidator().validate(document, calls.operation_model(call).input_shape)
        assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize(("name", "word"), [("policy", "UpdateService"), ("take-over", "RegisterScalableTarget")])
def test_the_task_role_has_exactly_the_rights_of_its_page(written: Written, name: str, word: str) -> None:
    page = json.loads(shown("ecs.md", "json", word))
    options = ("--cluster", "prod", "--region", "eu-west-1", "--account", "123456789012")
    written_policy = parsed(written("ecs", *options) / "ecs" / f"{name}.json")
    assert [without_id(each) for each in written_policy.pop("Statement")] == page.pop("Statement")
    assert written_policy == page


def operations_of_ecs() -> dict[str, str]:
    """The function of the driver's that makes a call, and the right that it needs."""
    source = (ROOT / "cpp" / "src" / "drivers" / "ecs" / "operations.cpp").read_text()
    names = {"ecs": "ecs", "scaling": "application-autoscaling"}
    made = re.findall(r"^Operation (\w+)\((?:(?!^}).)*?{Api::(\w+), \"(\w+)\"", source, re.MULTILINE | re.DOTALL)
    return {function: f"{names[api]}:{call}" for function, api, call in made}


def test_on_ecs_each_right_is_of_a_call_of_the_drivers_and_those_of_takeover_stand_apart(written: Written) -> None:
    """Its own code says which: what only take_over() and give_back() call is in a file of its own."""
    folder = written("ecs") / "ecs"
    granted = {name: actions(parsed(folder / f"{name}.json")) for name in ("policy", "take-over")}
    calls = operations_of_ecs()
    for_takeover = {calls[name] for name in ("suspend_scaling", "tag_taken_over", "untag_taken_over")}
    assert granted == {"policy": set(calls.values()) - for_takeover, "take-over": for_takeover}


def actions(policy: dict[str, Any]) -> set[str]:
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def test_ecs_itself_may_start_this_service_and_read_its_parameter_and_no_more(written: Written, init: Run) -> None:
    folder = written("ecs", "--service", "shop") / "ecs"
    task = parsed(folder / "task-definition.yaml")
    (container,) = task["containerDefinitions"]
    statements = {each["Action"][0]: each["Resource"] for each in parsed(folder / "execution.json")["Statement"]}
    assert [statements.pop("ssm:GetParameters")] == [each["valueFrom"] for each in container["secrets"]]
    group = container["logConfiguration"]["options"]["awslogs-group"]
    assert statements.pop("logs:CreateLogStream").endswith(f":log-group:{group}:*")
    assert statements.pop("ecr:BatchCheckLayerAvailability").endswith(":repository/*")
    assert statements == {"ecr:GetAuthorizationToken": "*"}, "AWS knows no narrower resource for it"


def test_ecs_reads_the_parameter_by_a_role_that_no_other_service_has(written: Written, init: Run) -> None:
    task = parsed(written("ecs", "--service", "shop") / "ecs" / "task-definition.yaml")
    roles = {task[name].rpartition("/")[2] for name in ("taskRoleArn", "executionRoleArn")}
    assert roles == {"selfscale-shop", "execution-shop"}
    longest = "w" * 54
    following = init("ecs", "--service", longest).stdout.partition("Next:\n")[2]
    assert {len(name) <= 64 for name in re.findall(r"--role-name (\S+)", following)} == {True}, "what IAM takes"


def test_what_gives_more_rights_on_ecs_is_a_line_that_does_nothing_by_itself(written: Written, init: Run) -> None:
    """Takeover and a person's shell: whoever wants them takes the `#` away."""
    folder = written("ecs", "--service", "shop") / "ecs"
    assert parsed(folder / "service.yaml")["enableExecuteCommand"] is False
    following = init("ecs", "--service", "shop").stdout.partition("Next:\n")[2]
    for part in ("take-over.json", "exec.json", "execute-command"):
        lines = [line.strip() for line in following.splitlines() if part in line]
        assert lines
        assert [line for line in lines if not line.startswith("#")] == [], part


def test_a_person_with_a_shell_in_a_task_on_ecs_finds_the_agent(written: Written) -> None:
    folder = written("ecs", "--service", "shop") / "ecs"
    (statement,) = parsed(folder / "exec.json")["Statement"]
    assert {action.partition(":")[0] for action in statement["Action"]} == {"ssmmessages"}
    (container,) = parsed(folder / "task-definition.yaml")["containerDefinitions"]
    told = {each["name"]: each["value"] for each in container["environment"]}
    assert told["SELFSCALE_RUN_DIR"], "root finds the agent of another user"


def without_id(statement: dict[str, Any]) -> dict[str, Any]:
    """A statement without the word that says what it is for."""
    assert re.fullmatch("[A-Za-z0-9]+", statement["Sid"])
    return {key: value for key, value in statement.items() if key != "Sid"}


def test_a_failed_deployment_on_ecs_goes_back(written: Written) -> None:
    service = parsed(written("ecs") / "ecs" / "service.yaml")
    deployment = service["deploymentConfiguration"]
    assert deployment["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (deployment["minimumHealthyPercent"], deployment["maximumPercent"]) == (100, 200)


def test_the_task_is_checked_as_the_guide_checks_it_and_has_time_to_end(written: Written) -> None:
    task = parsed(written("ecs") / "ecs" / "task-definition.yaml")
    (container,) = task["containerDefinitions"]
    checked = {key: container["healthCheck"][key] for key in ("interval", "timeout", "retries")}
    assert checked == {"interval": 30, "timeout": 5, "retries": 3}
    assert container["stopTimeout"] >= 30


# swarm, compose


def services(path: Path) -> dict[str, Any]:
    """The services of a file, which Compose's schema has accepted."""
    document = yaml.safe_load(path.read_text())
    schema = json.loads((FIXTURES / "compose" / "compose-spec.schema.json").read_text())
    assert mistakes(schema, document) == []
    found: dict[str, Any] = document["services"]
    return found


def rights_of_the_socket(service: dict[str, Any]) -> bool:
    return any("docker.sock" in volume for volume in service["volumes"])


def test_the_stack_has_one_agent_on_a_manager_and_it_alone_has_the_socket(written: Written) -> None:
    found = services(written("swarm", "--service", "backend") / "docker-stack.yml")
    agent, backend = found["agent"], found["backend"]
    assert agent["deploy"]["placement"]["constraints"] == ["node.role == manager"]
    assert (agent["deploy"]["replicas"], agent["deploy"]["update_config"]["order"]) == (1, "stop-first")
    assert (agent["environment"]["SELFSCALE_FLEET"], backend["environment"]["SELFSCALE_LEADS"]) == ("single", "none")
    assert (rights_of_the_socket(agent), rights_of_the_socket(backend)) == (True, False)


@pytest.mark.parametrize(
    ("platform", "path", "name"),
    [("swarm", "docker-stack.yml", "agent"), ("compose", "docker-compose.autoscale.yml", "autoscaler")],
)
def test_the_agent_starts_in_any_image(written: Written, platform: str, path: str, name: str) -> None:
    """A command would be words for what the image starts with: that of the agent's image is `selfscale agent`."""
    agent = services(written(platform) / path)[name]
    assert agent["entrypoint"][:2] == ["selfscale", "agent"]
    assert "command" not in agent


def test_the_labels_of_the_stack_are_those_of_the_guide(written: Written) -> None:
    found = services(written("swarm", "--service", "backend") / "docker-stack.yml")
    guide = yaml.safe_load((FIXTURES / "guides" / "socialtrend" / "traefik-labels.yaml").read_text())["labels"]
    assert set(guide) <= set(found["backend"]["deploy"]["labels"])


def labels(service: dict[str, Any]) -> dict[str, str]:
    return dict(label.split("=", 1) for label in service["deploy"]["labels"])


def test_traefik_is_told_the_name_that_the_certificate_is_for(written: Written) -> None:
    """By a path alone Let's Encrypt makes none."""
    options = ("--service", "backend", "--host", "social.example.org")
    found = labels(services(written("swarm", *options) / "docker-stack.yml")["backend"])
    assert found["traefik.http.routers.backend-secure.rule"] == "Host(`social.example.org`) && PathPrefix(`/api`)"
    resolved = [name.removesuffix(".tls.certresolver") for name in found if name.endswith(".tls.certresolver")]
    assert ["Host(" in found[f"{router}.rule"] for router in resolved] == [True]


def test_what_traefiks_routers_name_is_there(written: Written) -> None:
    found = labels(services(written("swarm", "--service", "backend") / "docker-stack.yml")["backend"])
    made = {name.split(".")[3] for name in found if name.startswith("traefik.http.middlewares.")}
    named = [value.split(",") for name, value in found.items() if name.endswith(".middlewares")]
    assert named == [["backend-breaker", "backend-retry"]] * 2
    assert made == {"backend-breaker", "backend-retry"}


def test_a_dot_in_a_name_would_break_traefiks_labels_and_is_refused(init: Run) -> None:
    assert init("swarm", "--service", "web.v2").exit_code == 2


@pytest.mark.parametrize("host", ["shop", "a b.c", "Shop.example.com", "x`) || Path(`/", "-a.b", f"{'a' * 64}.b"])
def test_a_host_that_is_no_name_is_refused(init: Run, host: str) -> None:
    ended = init("swarm", f"--host={host}")
    assert ended.exit_code == 2
    assert "shop.example.com" in ended.stderr


def test_the_proxy_of_compose_passes_on_websockets_uploads_and_how_it_was_asked(written: Written) -> None:
    text = (written("compose", "--service", "backend") / "config" / "autoscaling" / "nginx.conf").read_text()
    told = dict(re.findall(r"^ +proxy_set_header (\S+) (.+);$", text, re.MULTILINE))
    assert (told["Upgrade"], told["Connection"]) == ("$http_upgrade", "$connection_upgrade")
    assert "proxy_http_version 1.1;" in text
    assert "map $http_upgrade $connection_upgrade {" in text
    assert (told["X-Forwarded-Proto"], told["Host"]) == ("$scheme", "$host")
    assert re.search(r"client_max_body_size \d+m;", text)


def test_the_stack_gives_work_the_time_that_its_policy_speaks_of(written: Written) -> None:
    folder = written("swarm", "--stack", "socialtrend", "--service", "backend")
    found = services(folder / "docker-stack.yml")["backend"]
    (policy,) = library.load_policies(folder / "selfscale.json")
    assert policy["platform"]["service"] == "socialtrend_backend"
    assert found["stop_grace_period"] == "30s"
    assert policy["platform"]["longestWorkSeconds"] < 30
    assert policy["minReplicas"] == found["deploy"]["replicas"]


@pytest.mark.parametrize(
    ("file", "reserved"),
    [
        ("swarm/docker-stack.yml", {"cpus": "0.5", "memory": "512M"}),
        ("compose/docker-compose.autoscale.yml", {"memory": "512M"}),
    ],
)
def test_containers_are_bounded_and_checked_as_the_guide_says(
    written: Written, file: str, reserved: dict[str, str]
) -> None:
    platform, name = file.split("/")
    found = services(written(platform) / name)["web"]
    assert found["deploy"]["resources"] == {"limits": {"cpus": "1.0", "memory": "1G"}, "reservations": reserved}
    assert found["healthcheck"]["interval"] == "30s"


def test_nothing_keeps_the_memory_that_is_left_from_the_agent(written: Written) -> None:
    """A limit of its container's would be all that it sees, and hold back growth for good."""
    stack = services(written("swarm") / "docker-stack.yml")["agent"]
    compose = services(written("compose") / "docker-compose.autoscale.yml")["autoscaler"]
    for agent in (stack, compose):
        assert "memory" not in agent["deploy"]["resources"]["limits"]


@pytest.mark.parametrize("file", ["swarm/docker-stack.yml", "compose/docker-compose.autoscale.yml"])
def test_the_agent_reads_the_memory_in_which_the_service_counts(written: Written, file: str) -> None:
    platform, name = file.split("/")
    found = services(written(platform) / name)
    agent = found["agent" if platform == "swarm" else "autoscaler"]
    for each in (agent, found["web"]):
        assert "selfscale:/dev/shm:nocopy" in each["volumes"]
        assert each["environment"]["SELFSCALE_RUN_DIR"] == "/tmp/selfscale"


@pytest.mark.parametrize("file", ["swarm/docker-stack.yml", "compose/docker-compose.autoscale.yml"])
def test_what_the_agent_keeps_is_in_a_volume_where_every_user_may_write(written: Written, file: str) -> None:
    platform, name = file.split("/")
    agent = services(written(platform) / name)["agent" if platform == "swarm" else "autoscaler"]
    assert "selfscale-state:/var/tmp" in agent["volumes"]
    assert agent["environment"]["SELFSCALE_STATE_DIR"].startswith("/var/tmp/")


def test_the_files_for_compose_are_those_of_the_guide(written: Written) -> None:
    folder = written("compose", "--service", "backend", "--project", "spheroseg")
    assert sorted(files(folder)) == [
        "config/autoscaling/.env.autoscaling",
        "config/autoscaling/nginx.conf",
        "config/autoscaling/policies.json",
        "docker-compose.autoscale.yml",
        "scripts/autoscaling-control.sh",
        "scripts/monitor-autoscaling.sh",
        "scripts/setup-autoscaling.sh",
    ]
    guide = json.loads((FIXTURES / "policies" / "spheroseg.json").read_text())["policies"][0]
    (policy,) = library.load_policies(folder / "config" / "autoscaling" / "policies.json")
    same = ("name", "service", "minReplicas", "maxReplicas", "enabled")
    assert {key: policy[key] for key in same} == {key: guide[key] for key in same}
    assert (policy["cooldownPeriod"], policy["evaluationInterval"]) == ("5m", "2m")


@pytest.mark.parametrize("name", ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml", None])
def test_the_projects_own_file_is_called_as_it_is_there(init: Run, tmp_path: Path, name: str | None) -> None:
    if name:
        (tmp_path / name).write_text("services: {}\n")
    ended = init("compose")
    both = f"-f {name or 'docker-compose.yml'} -f docker-compose.autoscale.yml"
    assert both in ended.stdout
    scripts_of_it = list((tmp_path / "scripts").iterdir())
    assert all(both in path.read_text() for path in [*scripts_of_it, tmp_path / "docker-compose.autoscale.yml"])


def test_scripts_may_be_run(written: Written) -> None:
    assert [path.stat().st_mode & 0o777 for path in (written("compose") / "scripts").iterdir()] == [0o755] * 3


def test_scripts_call_commands_that_there_are() -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    text = "\n".join(path.read_text() for path in scripts())
    called = set(re.findall(r"(?:^|exec -T autoscaler )selfscale (\w+)|\) agent (\w+)", text, re.MULTILINE))
    (passed_on,) = re.findall(r'^  ([\w |]+)\) agent "\$@"', text, re.MULTILINE)
    assert {"".join(each) for each in called} == {"validate", "status", "history"} <= known
    assert set(passed_on.split(" | ")) <= known


# cloud_run


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


# render


def test_render_accepts_the_blueprint_and_the_count_is_not_in_it(written: Written) -> None:
    document = parsed(written("render") / "render.yaml")
    schema = json.loads((FIXTURES / "render" / "blueprint.schema.json").read_text())
    assert mistakes(schema, document) == []
    web, meeting = document["services"]
    assert not {"numInstances", "scaling", "disk"} & set(web)
    guide = yaml.safe_load((FIXTURES / "guides" / "neurocred" / "render.yaml").read_text())["services"][0]
    assert web["healthCheckPath"] == guide["healthCheckPath"]
    told = {each["key"]: each for each in web["envVars"]}
    assert told["RENDER_API_KEY"] == {"key": "RENDER_API_KEY", "sync": False}
    assert told["SELFSCALE_FLEET"]["fromService"]["name"] == meeting["name"]
    assert (meeting["maxmemoryPolicy"], meeting["ipAllowList"]) == ("noeviction", [])


# railway


def test_railway_accepts_the_service_and_the_count_is_not_in_it(written: Written) -> None:
    sdk = pytest.importorskip("railway_sdk", reason="railway-sdk is not installed (the extra test has it)")
    path = written("railway", "--service", "shop", "--project", "market") / ".railway" / "railway.py"
    made = runpy.run_path(str(path))["main"](sdk.create_railway_context(environment="production"))
    graph = made.to_graph()
    assert graph["name"] == "market"
    meeting, shop = graph["resources"]
    schema = json.loads((FIXTURES / "railway" / "config.schema.json").read_text())
    assert mistakes(schema, {"deploy": shop["deploy"]}) == []
    assert not {"numReplicas", "multiRegionConfig"} & set(shop["deploy"])
    told = shop["variables"]
    assert told["RAILWAY_TOKEN"] == {"type": "preserve"}
    assert meeting["address"] in json.dumps(told["SELFSCALE_FLEET"])


def test_railway_checks_and_starts_anew_as_the_guide_says(written: Written) -> None:
    sdk = pytest.importorskip("railway_sdk", reason="railway-sdk is not installed (the extra test has it)")
    path = written("railway") / ".railway" / "railway.py"
    _, web = runpy.run_path(str(path))["main"](sdk.create_railway_context()).to_graph()["resources"]
    guide = json.loads((FIXTURES / "guides" / "neurocred" / "railway.json").read_text())["deploy"]
    same = ("healthcheckPath", "healthcheckTimeout", "restartPolicyType", "restartPolicyMaxRetries")
    assert {key: web["deploy"][key] for key in same} == {key: guide[key] for key in same}


# digitalocean


def test_railway_is_planned_then_applied_then_given_its_token(init: Run) -> None:
    following = init("railway").stdout.partition("Next:\n")[2]
    places = [following.index(f"railway {word}") for word in ("link", "config plan", "config apply", "variable set")]
    assert places == sorted(places)


def test_the_calls_that_railway_allows_are_enough_for_the_replicas_of_the_comment(written: Written) -> None:
    text = (written("railway") / "selfscale.json").read_text()
    (policy,) = library.load_policies(written("railway", "--force") / "selfscale.json")
    per_replica, looks = 2 * 3600 // 30, 3600 // 60
    assert policy["evaluationInterval"] == "1m"
    assert f"{per_replica} an hour for each replica and {looks} beside" in text
    assert 3 * per_replica + looks <= 1000 < 4 * per_replica + looks, "three replicas on Hobby"
    assert policy["maxReplicas"] * per_replica + looks <= 10_000, "all on Pro"


def test_digitalocean_accepts_the_app_and_the_count_is_not_in_it(written: Written) -> None:
    document = parsed(written("digitalocean", "--service", "shop", "--repo", "acme/shop") / ".do" / "app.yaml")
    schema = json.loads((FIXTURES / "digitalocean" / "app-spec.schema.json").read_text())
    assert mistakes(schema, document) == []
    (shop,) = document["services"]
    assert not {"instance_count", "autoscaling"} & set(shop)
    told = {each["key"]: each for each in shop["envs"]}
    for secret in ("DIGITALOCEAN_TOKEN", "SELFSCALE_FLEET"):
        assert told[secret] == {"key": secret, "type": "SECRET", "scope": "RUN_TIME"}


def test_digitalocean_checks_as_the_guide_says(written: Written) -> None:
    (web,) = parsed(written("digitalocean") / ".do" / "app.yaml")["services"]
    keys = ("period_seconds", "timeout_seconds", "failure_threshold")
    assert [web["liveness_health_check"][key] for key in keys] == [30, 5, 3]
    assert [web["health_check"][key] for key in keys] == [10, 5, 2]


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        ("digitalocean", ["app:read", "app:update"]),
        ("render", ["no scopes", "no narrower"]),
        ("railway", ["project token", "nothing narrower"]),
    ],
)
def test_the_token_is_the_one_of_the_page(written: Written, platform: str, words: list[str]) -> None:
    page = ROOT / "docs" / "drivers" / f"{platform}.md"
    for text in ["\n".join(files(written(platform)).values()), *([page.read_text()] if page.exists() else [])]:
        plain = re.sub(r"\s+(# )?", " ", text)
        assert [word for word in words if word not in plain] == []


# Scripts


@pytest.fixture
def control(written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run the script of that name, and see what it has docker-compose do: this one says it, and does nothing."""
    folder = written("compose", "--service", "backend")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    stand_in(tmp_path / "bin" / "docker-compose", 'echo "$@"')
    stand_in(tmp_path / "bin" / "docker", "exit 1")  # one without the word compose
    script = folder / "scripts" / "autoscaling-control.sh"
    return lambda *words: subprocess.run([script, *words], capture_output=True, text=True, check=False)


def stand_in(path: Path, does: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("name", ["autoscaling-control.sh", "monitor-autoscaling.sh", "setup-autoscaling.sh"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_script_calls_whichever_compose_there_is(
    name: str, version: int, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2 is asked for first: where both are there, version 1 is the one that is left over."""
    folder = written("compose")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    has_word = f'test "$1" = compose && test {version} = 2'
    stand_in(tmp_path / "bin" / "docker", f'{has_word} && echo "2: $@" && [ "$2" = version ]')
    stand_in(tmp_path / "bin" / "docker-compose", 'echo "1: $@"; exit 1')
    stand_in(tmp_path / "bin" / "selfscale", "")
    words = ["status"] if name == "autoscaling-control.sh" else []
    said = subprocess.run([folder / "scripts" / name, *words], capture_output=True, text=True, check=False).stdout
    project = "-p shop -f docker-compose.yml -f docker-compose.autoscale.yml"
    assert said.startswith(f"2: compose {project} " if version == 2 else f"1: {project} ")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["history"], "history --service backend"),
        (["history", "ml"], "history --service ml"),
        *(([word], word) for word in ("status", "explain", "policies", "recommendations", "enable", "disable")),
        (["explain", "01KB"], "explain 01KB"),
        (["enable", "backend"], "enable backend"),
        (["pause", "--for", "30m"], "pause --for 30m"),
        (["scale", "--replicas", "3"], "scale --replicas 3"),
    ],
)
def test_the_control_script_tells_and_asks_the_agent_in_its_container(
    control: Callable[..., Any], words: list[str], command: str
) -> None:
    assert control(*words).stdout.endswith(f"exec -T autoscaler selfscale {command}\n")


@pytest.mark.parametrize("words", [[], ["nonsense"]])
def test_the_control_script_says_what_it_knows(control: Callable[..., Any], words: list[str]) -> None:
    ended = control(*words)
    assert ended.returncode == 2
    assert "autoscaling-control.sh enable | disable" in ended.stderr


def scripts() -> list[Path]:
    return sorted(TEMPLATES.rglob("*.sh"))


@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.name)
def test_a_script_is_one_for_any_shell(path: Path) -> None:
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed (the extra test has it)")
@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.name)
def test_shellcheck_finds_nothing_in_a_script(path: Path) -> None:
    ended = subprocess.run(["shellcheck", path], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
