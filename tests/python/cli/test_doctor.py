"""`selfscale doctor`: what is wrong, why it matters, what to paste."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import selfscale
from selfscale.cli import doctor as commands

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[[str, Any], Path]

RULES = [{"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}]
# Nothing that the machine sets, which runs these tests.
NOWHERE = {
    "KUBERNETES_SERVICE_HOST": "",
    "ECS_CONTAINER_METADATA_URI_V4": "",
    "K_SERVICE": "",
    "CLOUD_RUN_WORKER_POOL": "",
    "RENDER_SERVICE_ID": "",
    "RENDER_API_KEY": "",
    "RAILWAY_ENVIRONMENT_ID": "",
    "RAILWAY_REPLICA_ID": "",
    "VERCEL": "",
    "SELFSCALE_URL": "",
    "SELFSCALE_FLEET": "",
}


def policy(**more: Any) -> dict[str, Any]:
    return {"service": "backend", "minReplicas": 2, "maxReplicas": 4, "rules": RULES, **more}


@pytest.fixture
def doctor(selfscale: Run, write: Write) -> Run:
    """Examine a policy with nothing around it."""

    def run(*arguments: object, policies: Any, **environment: str) -> subprocess.CompletedProcess[str]:
        path = write("policies.json", {"policies": policies if isinstance(policies, list) else [policies]})
        return selfscale("doctor", "--policies", path, *arguments, **{**NOWHERE, **environment})

    return run


def checks_of(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The checks of the only service, by name."""
    [found] = json.loads(ended.stdout)["services"]
    return {check["name"]: check for check in found["checks"]}


def test_it_ends_well_where_nothing_is_wrong(doctor: Run) -> None:
    ended = doctor(policies=policy(platform={"driver": "memory"}, enabled=True), AUTOSCALING_ENABLED="true")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "backend  driver memory, no agent answers here" in ended.stdout
    assert "2 replicas wanted, 2 there" in ended.stdout
    assert "it is enabled: it may act" in ended.stdout
    assert "nothing is wrong" in ended.stdout


def test_what_is_wrong_comes_with_why_and_what_to_paste(doctor: Run) -> None:
    ended = doctor(policies=policy(platform={"driver": "render", "service": "srv-cukouhrtq21c73e9scng"}))
    assert ended.returncode == 1
    lines = [line.strip() for line in ended.stdout.splitlines()]
    [at] = [i for i, line in enumerate(lines) if "there is no token: set RENDER_API_KEY" in line]
    assert lines[at].startswith("wrong")
    assert "keys have no scopes" in lines[at + 1]
    assert lines[at + 2].startswith("RENDER_API_KEY=rnd_…")
    assert "SELFSCALE_FLEET=redis://HOST:6379/0" in ended.stdout, "and no place where agents meet"
    assert "2 things are wrong" in ended.stdout


def test_as_json_it_has_the_documented_shape(doctor: Run) -> None:
    ended = doctor("--json", policies=policy(platform={"driver": "render", "service": "srv-cukouhrtq21c73e9scng"}))
    assert ended.returncode == 1
    said = json.loads(ended.stdout)
    assert (said["ok"], said["problems"]) == (False, [])
    [found] = said["services"]
    assert (found["service"], found["driver"], found["agent"]) == ("backend", "render", None)
    for check in found["checks"]:
        assert set(check) == {"name", "seen", "wrong", "warnings"}
        for each in [*check["wrong"], *check["warnings"]]:
            assert set(each) == {"what", "why", "paste"}
            assert each["what"]


def test_each_switch_that_says_no_is_a_note(doctor: Run) -> None:
    ended = doctor("--json", policies=policy(platform={"driver": "memory"}), SELFSCALE_KILL="1")
    assert ended.returncode == 0
    notes = [each["what"] for each in checks_of(ended)["switches"]["warnings"]]
    assert notes == [
        "kill, as set by SELFSCALE_KILL",
        "not_enabled, as set by AUTOSCALING_ENABLED",
        'policy_not_enabled, as set by the policy\'s own "enabled"',
    ]


def test_a_policy_without_a_platform_hears_what_this_looks_like(doctor: Run) -> None:
    ended = doctor("--json", policies=policy(), RENDER_SERVICE_ID="srv-1")
    assert ended.returncode == 0, "to recommend is no mistake"
    [note] = checks_of(ended)["platform"]["warnings"]
    assert note["what"] == "this looks like Render (RENDER_SERVICE_ID), and the policy names no platform"
    assert note["paste"].startswith('"platform": {"driver": "render", "service": "srv-1"}')


def test_a_driver_of_this_host_is_heard_from_its_agent(doctor: Run) -> None:
    ended = doctor("--json", policies=policy(platform={"driver": "local"}))
    assert ended.returncode == 0
    [note] = checks_of(ended)["driver"]["warnings"]
    assert "was not started by it" in note["what"]
    assert "comes with a running agent" in note["why"]
    assert note["paste"] == "selfscale run --policies FILE -- COMMAND"


def test_a_directory_that_others_may_write_to(doctor: Run, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    ended = doctor("--json", policies=policy(platform={"driver": "memory"}), SELFSCALE_RUN_DIR=str(tmp_path / "open"))
    assert ended.returncode == 1
    [found] = checks_of(ended)["directories"]["wrong"]
    assert found["paste"] == f"chmod 700 {tmp_path / 'open'}"


def test_it_writes_nothing(doctor: Run, tmp_path: Path) -> None:
    doctor(policies=policy(platform={"driver": "memory"}))
    assert [each.name for each in tmp_path.iterdir()] == ["policies.json"]


def test_a_meeting_place_that_does_not_answer_is_wrong_and_its_password_is_nowhere(doctor: Run) -> None:
    ended = doctor(
        policies=policy(platform={"driver": "memory"}), SELFSCALE_FLEET="redis://agent:s3cret-word@127.0.0.1:1/0"
    )
    assert ended.returncode == 1
    assert "the place where agents meet cannot be asked" in ended.stdout
    assert "s3cret-word" not in ended.stdout + ended.stderr


def test_every_policy_of_a_file_or_the_one_that_is_named(doctor: Run) -> None:
    both = [policy(platform={"driver": "memory"}), policy(service="worker", platform={"driver": "memory"})]
    assert [each["service"] for each in json.loads(doctor("--json", policies=both).stdout)["services"]] == [
        "backend",
        "worker",
    ]
    one = doctor("--json", "--service", "worker", policies=both)
    assert [each["service"] for each in json.loads(one.stdout)["services"]] == ["worker"]
    none = doctor("--service", "none", policies=both)
    assert none.returncode == 2
    assert "it has backend, worker" in none.stderr


def test_a_wrong_file_is_refused_with_every_mistake(doctor: Run) -> None:
    wrong = policy(maxReplicas=0)
    ended = doctor(policies=wrong)
    assert ended.returncode == 1
    assert "/policies/0/maxReplicas" in ended.stdout
    as_json = doctor("--json", policies=wrong)
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout)["problems"][0]["pointer"] == "/policies/0/maxReplicas"
    assert "/policies/0/maxReplicas = 0" in wrong_of(as_json)["what"]


def wrong_of(ended: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The one thing that keeps it from looking at any service."""
    said = json.loads(ended.stdout)
    assert (said["ok"], said["services"]) == (False, [])
    [found] = said["wrong"]
    assert set(found) == {"what", "why", "paste"}
    assert found["why"]
    assert found["paste"]
    return found


@pytest.fixture
def selfscale_agent(tmp_path: Path) -> Callable[..., AbstractContextManager[selfscale.Agent]]:
    """Run an agent where the command line looks for it, until it answers."""

    @contextmanager
    def run(policies: Any, service: str, **options: Any) -> Iterator[selfscale.Agent]:
        where = {"SELFSCALE_RUN_DIR": str(tmp_path / "run"), "SELFSCALE_STATE_DIR": str(tmp_path / "state")}
        with selfscale.Agent(policies, service=service, environment=where, **options) as agent:
            deadline = time.monotonic() + 60
            while not agent.status()["services"] or not (tmp_path / "run" / f"{service}.sock").exists():
                assert time.monotonic() < deadline, agent.status()
                time.sleep(0.02)
            yield agent

    return run


def test_without_a_file_it_says_how_to_name_one(selfscale: Run) -> None:
    ended = selfscale("doctor", **NOWHERE)
    assert ended.returncode == 2
    assert "--policies" in ended.stderr
    as_json = selfscale("doctor", "--json", **NOWHERE)
    assert as_json.returncode == 2
    assert "selfscale init" in wrong_of(as_json)["paste"]


def test_a_rule_whose_metric_nobody_reports_is_said_with_the_line_that_records_it(
    selfscale_agent: Any, selfscale: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rules = [{"metric": "queue_length", "type": "target", "targetPerReplica": 5}]
    with selfscale_agent(policy(rules=rules), service="backend") as agent:
        early = selfscale("doctor", "--json", **NOWHERE)
        monkeypatch.setattr(commands, "_TIME_TO_REPORT", 0.0)
        monkeypatch.setenv("SELFSCALE_RUN_DIR", str(tmp_path / "run"))
        late = commands.examine(None, {"service": "backend"})
        agent.gauge("queue_length").set(3)
        deadline = time.monotonic() + 60
        while any(each["missing"] for each in agent.status()["readings"] if each["name"] == "queue_length"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        read = commands.examine(None, {"service": "backend"})
    assert early.returncode == 0, "it may not have been asked for anything yet"
    [note] = checks_of(early)["readings"]["warnings"]
    assert note["what"].startswith("there is no reading of queue_length: ")
    by_name = {check["name"]: check for check in late["checks"]}
    [wrong] = by_name["readings"]["wrong"]
    assert wrong["paste"].startswith('selfscale.gauge("queue_length").set(…)')
    by_name = {check["name"]: check for check in read["checks"]}
    assert not by_name["readings"]["wrong"]
    assert not by_name["readings"]["warnings"]


def test_a_file_that_was_changed_wrongly_while_its_agent_runs_is_wrong(
    selfscale_agent: Any, selfscale: Run, write: Write
) -> None:
    path = write("backend.json", {"policies": [policy(evaluationInterval="100ms")]})
    with selfscale_agent(path, service="backend") as agent:
        path.write_text(path.read_text().replace("minReplicas", "minReplica"))
        deadline = time.monotonic() + 60
        while not agent.status()["policies"]["problems"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        ended = selfscale("doctor", "--json", **NOWHERE)
    assert ended.returncode == 1
    found = checks_of(ended)["policy"]["wrong"][0]
    assert "minReplica" in found["what"]
    assert found["why"]
    assert found["paste"].startswith("selfscale validate ")


def test_one_that_is_enabled_and_has_no_driver_is_wrong(selfscale_agent: Any, selfscale: Run) -> None:
    with selfscale_agent(policy(), service="backend", enable=True):
        ended = selfscale("doctor", "--json", **NOWHERE)
    assert ended.returncode == 1
    [found] = checks_of(ended)["agent"]["wrong"]
    assert found["what"] == "it is enabled, and has no driver"
    assert found["paste"].startswith('"platform": {"driver": "…"}')


def test_without_a_file_the_agents_that_run_are_looked_at(selfscale_agent: Any, selfscale: Run) -> None:
    with selfscale_agent(None, service="shop"), selfscale_agent(policy(), service="backend"):
        ended = selfscale("doctor", "--json", **NOWHERE)
        named = selfscale("doctor", "--service", "shop", **NOWHERE)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    backend, shop = json.loads(ended.stdout)["services"]
    assert (backend["service"], shop["service"]) == ("backend", "shop")
    assert shop["agent"]["role"] == "recommender"
    checks = {check["name"]: check for check in shop["checks"]}
    assert checks["policy"]["seen"].startswith("the agent goes by the preset balanced")
    [note] = checks["policy"]["warnings"]
    assert note["what"] == "nobody has chosen its bounds and rules"
    assert "selfscale init" in note["paste"]
    assert not next(check for check in backend["checks"] if check["name"] == "policy")["warnings"]
    assert named.stdout.startswith("shop  no driver, an agent answers here\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [("SELFSCALE_FLEET", "nonsense"), ("AUTOSCALING_LOG_LEVEL", "loud"), ("AUTOSCALING_ENABLED", "perhaps (not)")],
)
def test_a_setting_that_means_nothing_is_said_as_json_too(doctor: Run, name: str, value: str) -> None:
    as_words = doctor(policies=policy(platform={"driver": "memory"}), **{name: value})
    assert as_words.returncode == 1
    assert name in as_words.stderr
    as_json = doctor("--json", policies=policy(platform={"driver": "memory"}), **{name: value})
    assert as_json.returncode == 1
    found = wrong_of(as_json)
    assert f"{name}={value}" in found["what"]
    assert found["paste"].startswith(f"unset {name}")


def test_a_setting_of_the_file_beside_the_policies_is_mended_there(doctor: Run, write: Write) -> None:
    path = write(".env.autoscaling", "AUTOSCALING_DRY_RUN=perhaps")
    found = wrong_of(doctor("--json", policies=policy(platform={"driver": "memory"})))
    assert found["paste"] == f"sed -i '/^AUTOSCALING_DRY_RUN=/d' {path}"


def test_a_line_of_that_file_that_sets_nothing_is_said_with_its_place(doctor: Run, write: Write) -> None:
    path = write(".env.autoscaling", "AUTOSCALING_DRY_RUN=true\nAUTOSCALING_ENABLED true\n")
    found = wrong_of(doctor("--json", policies=policy(platform={"driver": "memory"})))
    assert found["what"].startswith(f"{path}, line 2: no NAME=value")
    assert found["paste"] == f"sed -i '2s/^/# /' {path}   # or mend the line"


def test_a_misspelt_setting_is_a_note(doctor: Run) -> None:
    ended = doctor("--json", policies=policy(platform={"driver": "memory"}), SELFSCALE_POLICY="p.json")
    assert ended.returncode == 0
    [note] = checks_of(ended)["settings"]["warnings"]
    assert note["what"].endswith("did you mean SELFSCALE_POLICIES?")
    assert note["why"]
    assert note["paste"] == "unset SELFSCALE_POLICY"


@pytest.mark.parametrize("content", [None, "{"])
def test_a_file_that_cannot_be_read_is_said_as_json_too(
    selfscale: Run, write: Write, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "none.json" if content is None else write("broken.json", content)
    ended = selfscale("doctor", "--json", "--policies", path, **NOWHERE)
    assert ended.returncode == 1
    assert wrong_of(ended)["paste"]


CELERY = {"driver": "celery_pool", "app": "no_such_module:app"}


def test_an_app_of_celery_that_cannot_be_imported_is_one_finding_among_the_others(doctor: Run) -> None:
    ended = doctor("--json", policies=[policy(platform=CELERY), policy(service="web", platform={"driver": "memory"})])
    assert ended.returncode == 1, ended.stderr
    mail, web = json.loads(ended.stdout)["services"]
    assert (mail["driver"], web["driver"]) == ("celery_pool", "memory")
    [check] = [check for check in mail["checks"] if check["name"] == "driver"]
    [found] = check["wrong"]
    assert 'platform.app = "no_such_module:app": cannot be imported' in found["what"]
    assert found["why"]
    assert found["paste"].startswith("PYTHONPATH=")


@pytest.fixture
def without_celery(write: Write, tmp_path: Path) -> dict[str, str]:
    """The environment of a Python that has no Celery."""
    write("sitecustomize.py", "import sys\nsys.modules['celery'] = None\n")
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize("platform", [{"driver": "celery_pool"}, CELERY])
def test_without_celery_its_driver_says_so_among_the_other_findings(
    doctor: Run, without_celery: dict[str, str], platform: dict[str, str]
) -> None:
    ended = doctor("--json", policies=policy(platform=platform), **without_celery)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    [found] = checks_of(ended)["driver"]["wrong"]
    assert 'platform.driver = "celery_pool": needs Celery, which cannot be imported here' in found["what"]
    assert found["why"]
    assert found["paste"].endswith("-m pip install celery")
    as_words = doctor(policies=policy(platform=platform), **without_celery)
    assert as_words.returncode == 1
    assert "needs Celery" in as_words.stdout
    assert "Traceback" not in as_words.stderr


def test_the_driver_has_the_name_that_the_policy_gives_it(doctor: Run) -> None:
    ended = doctor(policies=policy(platform={"driver": "vercel"}))
    assert "backend  driver vercel, no agent answers here" in ended.stdout
    assert all(each["why"] and each["paste"] for each in wrong_of_driver(doctor))


def wrong_of_driver(doctor: Run) -> list[dict[str, str]]:
    """What the driver `vercel` finds wrong."""
    found: list[dict[str, str]] = checks_of(doctor("--json", policies=policy(platform={"driver": "vercel"})))["driver"][
        "wrong"
    ]
    return found


def test_no_line_is_broken_and_none_is_padded(doctor: Run) -> None:
    """A line that is to be pasted must be one line, however narrow the terminal is said to be."""
    asked = policy(platform={"driver": "compose", "project": "shop", "host": "unix:///no/such/socket"})
    found = checks_of(doctor("--json", policies=asked))
    lines = doctor(policies=asked, COLUMNS="40", TERM="dumb", FORCE_COLOR="1").stdout.splitlines()
    pasted = [each["paste"] for check in found.values() for each in [*check["wrong"], *check["warnings"]]]
    assert any(len(each) > 80 for each in pasted)
    assert [each for each in pasted if each] == [line.strip() for line in lines if line.strip() in pasted]
    assert [line for line in lines if line != line.rstrip()] == []


def test_an_agent_that_runs_here_speaks_for_itself(doctor: Run, tmp_path: Path) -> None:
    """The environment of this process is not that of the agent."""
    missing = {"what": "no token", "why": "nothing can be scaled", "paste": "TOKEN=…"}
    driver = selfscale.CallbackDriver(lambda count: None, lambda: 2, lambda: [missing], {"scope": "host"})
    directories = {"SELFSCALE_RUN_DIR": str(tmp_path / "run"), "SELFSCALE_STATE_DIR": str(tmp_path / "state")}
    with selfscale.Agent({**policy(), "evaluationInterval": "100ms"}, driver=driver, environment=directories) as agent:
        while not agent.status()["preflight"]["findings"]:
            time.sleep(0.02)
        ended = doctor("--json", policies=policy(platform={"driver": "memory"}))
    assert ended.returncode == 1, ended.stdout + ended.stderr
    [found] = json.loads(ended.stdout)["services"]
    assert found["driver"] == "callback"
    assert (found["agent"]["role"], found["agent"]["mayAct"]) == ("recommender", False)
    checks = {check["name"]: check for check in found["checks"]}
    assert set(checks) <= {"agent", "readings", "platform", "limits"}
    assert checks["agent"]["wrong"] == [missing]
    assert "no candidate" in checks["agent"]["seen"]


@pytest.mark.parametrize("surroundings", [{}, {"RENDER_SERVICE_ID": "srv-1"}])
def test_an_agent_that_runs_here_with_a_driver_is_not_said_to_need_one(
    doctor: Run, tmp_path: Path, surroundings: dict[str, str]
) -> None:
    driver = selfscale.CallbackDriver(lambda count: None, lambda: 2, capabilities={"scope": "host"})
    directories = {"SELFSCALE_RUN_DIR": str(tmp_path / "run"), "SELFSCALE_STATE_DIR": str(tmp_path / "state")}
    asked = {**policy(), "evaluationInterval": "100ms"}
    with selfscale.Agent(asked, driver=driver, enable=True, environment=directories) as agent:
        while not agent.status()["mayAct"]:
            time.sleep(0.02)
        ended = doctor(policies=policy(), **surroundings)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "and may act" in ended.stdout
    assert "never acts" not in ended.stdout
    assert '"platform": {"driver"' not in ended.stdout


def test_an_app_may_ask_itself_before_it_starts() -> None:
    driver = selfscale.CallbackDriver(lambda count: None, lambda: 3, lambda: {"wrong": [], "warnings": ["costly"]})
    found = selfscale.Agent(policy(), driver=driver).examine()
    assert found["driver"] == "callback"
    [check] = [check for check in found["checks"] if check["name"] == "driver"]
    assert check["seen"] == "3 replicas wanted, 3 there"
    assert check["warnings"] == [{"what": "costly", "why": "", "paste": ""}]


@pytest.mark.parametrize(
    "answer", [["x", 1], "no token", {"wrong": "no"}, [{"what": ""}], [{"what": "x", "how": "y"}], 7]
)
def test_findings_of_another_shape_are_refused(answer: Any) -> None:
    driver = selfscale.CallbackDriver(lambda count: None, lambda: 3, lambda: answer)
    found = selfscale.Agent(policy(), driver=driver).examine()
    [check] = [check for check in found["checks"] if check["name"] == "driver"]
    assert "preflight()" in check["wrong"][0]["what"]


@pytest.fixture
def beside(doctor: Run, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Examine an agent that runs here, once its status has what is waited for; returns what it says of itself."""

    def run(ready: Callable[[Any], Any], *, enable: bool = True, platform: Any = None, **functions: Any) -> Any:
        asked = {**policy(), "evaluationInterval": "100ms", **({"platform": platform} if platform else {})}
        where = {"SELFSCALE_RUN_DIR": str(tmp_path / "run"), "SELFSCALE_STATE_DIR": str(tmp_path / "state")}
        driver = selfscale.CallbackDriver(**functions, capabilities={"scope": "host"}) if functions else None
        with selfscale.Agent(asked, driver=driver, enable=enable, environment=where) as agent:
            deadline = time.monotonic() + 60
            while not ready(agent.status()):
                assert time.monotonic() < deadline, agent.status()
                time.sleep(0.02)
            ended = doctor("--json", policies=policy(platform={"driver": "memory"}))
        assert ended.returncode == 1, ended.stdout + ended.stderr
        return checks_of(ended)["agent"]

    return run


def refuse(*_: object) -> int:
    raise selfscale.DriverError("you may not scale this", "denied")


def throttle() -> int:
    raise selfscale.DriverError("slow down", "throttled", retry_after=3600)


def test_an_open_circuit_of_the_agent_that_runs_is_wrong(beside: Any) -> None:
    found = beside(lambda status: any(each["circuit"] for each in status["services"]), scale=refuse, observe=lambda: 1)
    [finding] = [each for each in found["wrong"] if "(denied)" in each["what"]]
    assert "you may not scale this" in finding["what"]
    assert finding["why"].startswith("nothing more is asked of the platform until ")


def test_a_platform_that_asks_to_be_left_alone_is_said_until_when(beside: Any) -> None:
    found = beside(lambda status: any(each["wait"] for each in status["services"]), scale=refuse, observe=throttle)
    [finding] = [each for each in found["wrong"] if "(throttled)" in each["what"]]
    assert "slow down" in finding["what"]
    assert "it asks not to be looked at until " in finding["why"]


def test_a_driver_that_the_agent_which_runs_does_not_know_is_wrong(beside: Any) -> None:
    found = beside(lambda status: status["services"], platform={"driver": "racks"})
    [finding] = [each for each in found["wrong"] if 'no driver is called "racks"' in each["what"]]
    assert finding["why"]
    assert not [each for each in found["warnings"] if "racks" in each["what"]]


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_service_that_no_policy_has_is_not_passed_over(doctor: Run, arguments: list[str]) -> None:
    ended = doctor(*arguments, policies=policy(platform={"driver": "memory"}), SELFSCALE_SERVICE="other")
    assert ended.returncode == 2
    assert "has no policy for other; it has backend" in ended.stderr
    if arguments:
        said = json.loads(ended.stdout)
        assert said["ok"] is False
        assert "has no policy for other" in said["wrong"][0]["what"]
        assert said["wrong"][0]["paste"] == "--service backend"


@pytest.fixture
def found_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Examine an agent that runs here, whose status is changed on its way."""
    monkeypatch.setenv("SELFSCALE_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("SELFSCALE_STATE_DIR", str(tmp_path / "state"))
    ask = commands.running.ask

    def run(change: Callable[[Any], Any]) -> Any:
        def ask_and_change(*arguments: Any, **keywords: Any) -> Any:
            answer = ask(*arguments, **keywords)
            return {**answer, "status": change(answer["status"])} if "status" in answer else answer

        monkeypatch.setattr(commands.running, "ask", ask_and_change)
        deadline = time.monotonic() + 60
        with selfscale.Agent(policy()):
            while not commands.running.services():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            return commands.examine(None, {"service": "backend"})

    return run


def test_an_agent_of_the_version_before_tells_of_no_others(found_where: Any) -> None:
    """It runs on after an upgrade of the command line."""
    found = found_where(lambda status: {key: status[key] for key in status if key not in {"peers", "elsewhere"}})
    assert found["agent"]["role"]
    assert found["peers"] == []
    assert found["elsewhere"] is None


def no_of(name: str) -> dict[str, Any]:
    return {"switches": [{"name": name, "saysNo": True, "by": "api", "value": "false", "at": None}]}


def service_with(**more: Any) -> dict[str, Any]:
    return {"services": [{"failure": "", "circuit": None, "wait": None, **more}]}


AGAIN = "selfscale doctor --service backend"
OPEN = {"openUntil": 1.8e9, "failures": 1, "code": "denied", "because": "no"}
WAIT = {"until": "2027-01-15T08:00:00Z", "code": "throttled", "because": "slow down"}


@pytest.mark.parametrize(
    ("status", "paste"),
    [
        (no_of("kill"), "unset SELFSCALE_KILL"),
        (no_of("enabled"), "selfscale enable"),
        (no_of("policy_enabled"), "selfscale enable backend"),
        (no_of("dry_run"), "unset AUTOSCALING_DRY_RUN"),
        (no_of("paused"), "selfscale resume backend"),
        ({"degraded": ["cannot lead: the store is gone"]}, AGAIN),
        ({"degraded": ["SELFSCALE_LEAD is set (environment), and means nothing"]}, "unset SELFSCALE_LEAD"),
        ({"degraded": ["SELFSCALE_LEAD is set (/a b), and means nothing"]}, "sed -i '/^SELFSCALE_LEAD=/d' '/a b'"),
        (service_with(failure="the deployment failed"), AGAIN),
        (service_with(circuit=OPEN), AGAIN),
        (service_with(wait=WAIT), AGAIN),
    ],
)
def test_each_finding_of_an_agent_that_runs_is_whole(found_where: Any, status: Any, paste: str) -> None:
    found = found_where(lambda said: {**said, "switches": [], "degraded": [], "services": [], **status})
    [agent] = [check for check in found["checks"] if check["name"] == "agent"]
    [finding] = [*agent["wrong"], *agent["warnings"]]
    assert finding["what"]
    assert finding["why"]
    assert finding["paste"].partition("   # ")[0] == paste
