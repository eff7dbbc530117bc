"""What `selfscale init` writes for Compose and for a Swarm stack, but for their scripts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import selfscale as library
import yaml
from init_files import FIXTURES, Run, Written, files, mistakes


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
