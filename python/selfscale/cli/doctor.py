"""``selfscale doctor``."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.text import Text

import selfscale
from selfscale._json import Json
from selfscale.cli import running
from selfscale.cli.driver_module import DriverModule, register_from
from selfscale.cli.policies import NO_FILE, usual_file
from selfscale.cli.status import clock
from selfscale.cli.terminal import AsJson, console, print_json, refuse_usage

_WRITE_ONE = "selfscale init kubernetes   # writes one; `selfscale init --help` lists the other platforms"
_NAME_A_PLATFORM = '"platform": {"driver": "…"}   # in the policy; docs/drivers/README.md lists them'
_NO_POLICY = "without a policy there is nothing to scale by"
# How a setting is refused: its name, then where it is set.
_SETTING = re.compile(r"([A-Z][A-Z0-9_]*)(?:=.*)? \(([^()]*)\): ")
# How one is called that has no effect.
_IN_VAIN = re.compile(r"(\w+) is set \(([^()]*)\)")
# How a line of .env.autoscaling is.
_LINE = re.compile(r"(.+), line (\d+): no NAME=value")
_NO_FILE = {"environment", "option"}
_MARKS = {"": "", "ok": "green", "wrong": "red", "note": "yellow"}
# Seconds in which an app may not have been asked for anything yet.
_TIME_TO_REPORT = 60.0
# Drivers that act from within what they scale, unless a policy names the process.
_FROM_WITHIN = {"callback", "local", "gunicorn", "uvicorn"}
# What turns a switch of a running agent that says no; {service} is whose.
_TURNED_BY = {
    "kill": "unset SELFSCALE_KILL   # where the agent is started, which is then started again",
    "enabled": "selfscale enable   # the global switch",
    "policy_enabled": "selfscale enable {service}   # its own switch",
    "dry_run": "unset AUTOSCALING_DRY_RUN   # where the agent is started, which is then started again",
    "paused": "selfscale resume {service}   # ends the pause",
}
_ELSEWHERE = "what this driver finds holds for the process that asks: the agent's own word comes with a running agent"


def doctor(
    policies: Annotated[
        str | None,
        typer.Option("--policies", help="The policy file.", metavar="FILE", envvar="SELFSCALE_POLICIES"),
    ] = None,
    service: Annotated[
        str | None, typer.Option("--service", "-s", help="Only this one; default: every policy's.", metavar="NAME")
    ] = None,
    *,
    driver_module: DriverModule = None,
    as_json: AsJson = False,
) -> None:
    """Check all that scaling needs, and write nothing: what is wrong, why it matters, the line to paste.

    Without a policy file it asks the agents that run here. Ends with 0 when nothing is wrong, with 1 when something is,
    with 2 when there is neither a policy to look at nor an agent.
    """
    register_from(driver_module)
    service = service or os.environ.get("SELFSCALE_SERVICE") or None
    path = policies or usual_file()
    try:
        asked = _policies(path, service, as_json=as_json) if path else _running(service)
        if not asked:
            running.refuse_where_none_can_be_seen()
            if as_json:
                _print_nothing([_finding(NO_FILE, _NO_POLICY, _WRITE_ONE)])
            refuse_usage(NO_FILE)
        found = [examine(path, each) for each in asked]
    except selfscale.Error as error:
        if not as_json:
            raise
        problems = error.problems if isinstance(error, selfscale.PolicyError) else []
        _print_nothing(_findings_of(error, path), problems)
        raise typer.Exit(1) from None
    mistakes = sum(len(one["wrong"]) for each in found for one in [*each["checks"], *each["peers"]])
    if as_json:
        print_json({"ok": mistakes == 0, "wrong": [], "problems": [], "services": found})
    else:
        for each in found:
            _show(each)
        console.print(_summary(mistakes))
    if mistakes:
        raise typer.Exit(1)


def examine(path: str | None, policy: Json) -> Json:
    """Return what is found of one service: by the agent that runs on this host, else by looking as it would.

    Without a path of policies there is such an agent, and of its policy the name of its service is known.
    """
    service = policy["service"]
    agent = selfscale.Agent(path, service=service)
    try:
        looked = agent.examine()
    finally:
        agent.stop()
    status = _asked(service, "status") if _has_agent(service) else None
    if status is None:
        checks = [_without_its_agent(check, policy) for check in looked["checks"]]
        return {
            "service": service,
            "driver": looked["driver"],
            "agent": None,
            "checks": checks,
            "peers": [_beside_a_leader(each) for each in looked["peers"]],
            "elsewhere": looked["elsewhere"],
        }
    # The agent has its own user, environment and place: its word on itself counts, not that of this process.
    others = [
        _with_its_driver(check) if status["driver"] and not looked["driver"] else check
        for check in looked["checks"]
        if check["name"] in {"platform", "limits"}
    ]
    told = {key: status[key] for key in ("process", "role", "leader", "mayAct", "because")}
    by_itself = [*([] if path else [_policies_of(status)]), *_readings_of(status, _asked(service, "policies"))]
    checks = [_of_agent(status), *by_itself, *others]
    return {
        "service": service,
        "driver": status["driver"],
        "agent": told,
        "checks": checks,
        # An agent of the version before has neither.
        "peers": [_beside_a_leader(each) if status["leader"] else each for each in status.get("peers", [])],
        "elsewhere": status.get("elsewhere"),
    }


def _policies_of(status: Json) -> Json:
    """What an agent goes by, where no file is named here."""
    origin = status["policies"]["origin"]
    of_nobody = [_finding("nobody has chosen its bounds and rules", "they may fit this service or not", _WRITE_ONE)]
    warnings = of_nobody if origin.startswith("the preset ") else []
    again = "selfscale validate FILE   # once it is mended; the agent goes on with the last one that was right"
    wrong = [_of_problem(selfscale.errors.Problem(**each), again) for each in status["policies"]["problems"]]
    return {"name": "policy", "seen": f"the agent goes by {origin}", "wrong": wrong, "warnings": warnings}


def _readings_of(status: Json, policies: list[Json]) -> Iterator[Json]:
    """Yield what the rules of the service go by, and what of it nobody has reported; of a follower nothing is known."""
    [rules] = [policy["rules"] for policy in policies if policy["service"] == status["service"]] or [[]]
    why_missing: dict[str, list[str | None]] = {}
    for each in status["readings"]:
        why_missing.setdefault(each["name"], []).append(each["missing"])
    read_by_rules = [name for name in dict.fromkeys(rule["metric"] for rule in rules) if name in why_missing]
    if not read_by_rules:
        return
    silent = [name for name in read_by_rules if all(why_missing[name])]
    findings = [_of_silence(name, why_missing[name][0] or "") for name in silent]
    is_blind = len(silent) == len(read_by_rules) and status["uptime"] >= _TIME_TO_REPORT
    yield {
        "name": "readings",
        "seen": f"{len(read_by_rules) - len(silent)} of {len(read_by_rules)} metrics of the rules have a reading",
        "wrong": findings if is_blind else [],
        "warnings": [] if is_blind else findings,
    }


def _of_silence(name: str, why: str) -> Json:
    gauge = f'selfscale.gauge("{name}").set(…)   # where it is known, whenever it changes'
    middleware = "selfscale.instrument(app)   # in the service's own processes, on the agent's host"
    paste = gauge if why.startswith("nobody has recorded") else middleware
    return _finding(f"there is no reading of {name}: {why}", "a rule without a reading changes nothing", paste)


def _beside_a_leader(peer: Json) -> Json:
    """Soften what keeps a process from leading, where another leads."""
    return {**peer, "wrong": [], "warnings": [*peer["wrong"], *peer["warnings"]]}


def _without_its_agent(check: Json, policy: Json) -> Json:
    """Soften what a driver says that acts from within, to a process that is outside."""
    platform = policy.get("platform") or {}
    name = os.environ.get("SELFSCALE_PLATFORM") or platform.get("driver")
    if check["name"] != "driver" or name not in _FROM_WITHIN or {"pid", "pidFile"} & set(platform):
        return check
    moved = [{**each, "why": _ELSEWHERE} for each in check["wrong"]]
    return {**check, "wrong": [], "warnings": [*moved, *check["warnings"]]}


def _with_its_driver(check: Json) -> Json:
    """Leave out that the policy names none: the agent was handed one, as `selfscale run` does."""
    return {**check, "warnings": []} if check["name"] == "platform" else check


def _of_agent(status: Json) -> Json:
    """What the agent says of itself."""
    again = f"selfscale doctor --service {shlex.quote(status['service'])}   # asks again; what is mended is gone then"
    by_kind: dict[str, list[Json]] = {"wrong": [], "warning": []}
    for each in status["preflight"]["findings"]:
        by_kind[each["kind"]].append({key: each[key] for key in ("what", "why", "paste")})
    for each in status["switches"]:
        if each["saysNo"] and each["name"] not in {"candidate", "leader", "driver"}:
            what = f"{each['name']} says no{_by(each)}"
            paste = _TURNED_BY.get(each["name"], again).replace("{service}", shlex.quote(status["service"]))
            by_kind["warning"].append(_finding(what, "it recommends, and does not act", paste))
    says_no = {each["name"] for each in status["switches"] if each["saysNo"]}
    if "driver" in says_no and not says_no & {"kill", "enabled", "policy_enabled"}:
        by_kind["wrong"].append(_finding("it is enabled, and has no driver", "nothing comes of it", _NAME_A_PLATFORM))
    said = tuple(each["what"] for each in by_kind["wrong"])
    troubles = [words for words in dict.fromkeys(status["degraded"]) if not words.endswith(said)]
    by_kind["warning"] += [_of_trouble(words, again) for words in troubles]
    by_kind["wrong"] += [finding for each in status["services"] for finding in _of_service(each, again)]
    seen = f"{status['process']} is its {status['role']}"
    if by_kind["wrong"] and status["role"] == "recommender":
        seen += ": it is no candidate for the lease, and no other agent of this host is one"
    elif status["mayAct"]:
        seen += ", and may act"
    elif status["leader"] not in {None, status["process"]}:
        seen += f"; {status['leader']} leads"
    return {"name": "agent", "seen": seen, "wrong": by_kind["wrong"], "warnings": by_kind["warning"]}


def _of_trouble(words: str, again: str) -> Json:
    """What an agent does without, or a setting that it was given in vain."""
    if setting := _IN_VAIN.match(words):
        return _finding(words, "whoever set it expects what does not come", _without(*setting.groups()))
    return _finding(words, "the agent goes on without it", again)


def _of_service(one: Json, again: str) -> Iterator[Json]:
    """What keeps an agent from doing what it decided."""
    if one["failure"]:
        yield _finding(one["failure"], "replicas that are asked for may not come", again)
    if circuit := one["circuit"]:
        until = datetime.fromtimestamp(circuit["openUntil"]).strftime("%H:%M:%S")
        what = f"the last change failed ({circuit['code']}): {circuit['because']}"
        yield _finding(what, f"nothing more is asked of the platform until {until}", again)
    if wait := one["wait"]:
        what = f"the platform cannot be read ({wait['code']}): {wait['because']}"
        until = clock(wait["until"])
        yield _finding(what, f"it asks not to be looked at until {until}; until then nothing is scaled", again)


def _finding(what: str, why: str = "", paste: str = "") -> Json:
    return {"what": what, "why": why, "paste": paste}


def _print_nothing(wrong: list[Json], problems: Sequence[selfscale.Problem] = ()) -> None:
    """Print what keeps all services from being looked at."""
    listed = [problem._asdict() for problem in problems]
    print_json({"ok": False, "wrong": wrong, "problems": listed, "services": []})


def _findings_of(error: selfscale.Error, path: str | None) -> list[Json]:
    """Return each thing that is wrong with a policy file, or the one with a setting."""
    look = f"validate {shlex.quote(path)}" if path else "doctor"
    again = f"selfscale {look}   # once it is mended"
    if isinstance(error, selfscale.PolicyError):
        return [_of_problem(problem, again) for problem in error.problems]
    if path and not Path(path).is_file():
        return [_finding(str(error), _NO_POLICY, _WRITE_ONE)]
    if line := _LINE.match(str(error)):
        file, number = line.groups()
        mended = f"sed -i '{number}s/^/# /' {shlex.quote(file)}   # or mend the line"
    elif setting := _SETTING.match(str(error)):
        name, where = setting.groups()
        mended = _without(name, where) + ("   # or say another" if where in _NO_FILE else "")
    else:
        return [_finding(str(error), "so no service was looked at", again)]
    return [_finding(str(error), "an agent with this setting does not start", mended)]


def _without(name: str, where: str) -> str:
    """Return the line that takes a setting away from where it is set."""
    return f"unset {name}" if where in _NO_FILE else f"sed -i '/^{name}=/d' {shlex.quote(where)}"


def _of_problem(problem: selfscale.Problem, again: str) -> Json:
    value = f" = {problem.value}" if problem.value else ""
    what = f"{problem.pointer or 'the document'}{value}: {problem.message}"
    return _finding(what, "a file with a mistake is refused as a whole", again)


def _by(switch: Json) -> str:
    return f", as set by {switch['by']}" if switch["by"] else ""


def _asked(service: str, what: str) -> Any:
    return running.ask(f"/api/autoscaling/{what}", service=service)[what]


def _has_agent(service: str) -> bool:
    return bool(_running(service))


def _running(service: str | None) -> list[Json]:
    """Return the names of services, each as a policy has it, that have an agent on this host."""
    if os.environ.get("SELFSCALE_URL"):
        return []
    return [{"service": name} for name in running.services() if service in {None, name}]


def _policies(path: str, service: str | None, *, as_json: bool) -> list[Json]:
    policies = selfscale.load_policies(path)
    named = [policy for policy in policies if service in {None, policy["service"]}]
    if not named:
        has = ", ".join(policy["service"] for policy in policies)
        what = f"{path} has no policy for {service}; it has {has}"
        if as_json:
            _print_nothing([_finding(what, _NO_POLICY, f"--service {policies[0]['service']}")])
        refuse_usage(what)
    return named


def _show(found: Json) -> None:
    """Print what is found of one service. No line is broken, for one that is to be pasted must stay one."""
    driver = f"driver {found['driver']}" if found["driver"] else "no driver"
    agent = "an agent answers here" if found["agent"] else "no agent answers here"
    console.print(f"[bold]{escape(found['service'])}[/]  {escape(driver)}, {agent}")
    checks = [*found["checks"], *_of_peers(found["peers"], found["elsewhere"])]
    names = max(len(check["name"]) for check in checks)
    for check in checks:
        for mark, name, words, style in _rows(check):
            line = Text.assemble("  ", (f"{mark:<7}", _MARKS[mark]), f"{name:<{names}}  ", (words, style))
            line.rstrip()
            console.print(line)
    console.print()


def _of_peers(peers: list[Json], elsewhere: Json | None) -> Iterator[Json]:
    """Yield a check for all processes of which the same is to be said, then how the others are asked."""
    alike: dict[str, list[Json]] = {}
    for each in peers:
        alike.setdefault(repr((each["role"], each["wrong"], each["warnings"])), []).append(each)
    for same in alike.values():
        names = ", ".join(f"{each['process']} ({each['instance']}, pid {each['pid'] or 'not known'})" for each in same)
        seen = f"{names}: {same[0]['role']}"
        yield {"name": "peers", "seen": seen, "wrong": same[0]["wrong"], "warnings": same[0]["warnings"]}
    if elsewhere:
        yield {"name": "elsewhere", "seen": "", "wrong": [], "warnings": [elsewhere]}


def _rows(check: Json) -> Iterator[tuple[str, str, str, str]]:
    """Yield a check's lines, each with its style: how it stands, then each finding with what mends it."""
    if not check["wrong"] and (check["seen"] or not check["warnings"]):
        yield "ok", check["name"], check["seen"], ""
    elif check["seen"]:
        yield "", check["name"], check["seen"], ""
    for kind, findings in (("wrong", check["wrong"]), ("note", check["warnings"])):
        for each in findings:
            yield kind, check["name"], each["what"], ""
            if each["why"]:
                yield "", "", each["why"], "dim"
            for line in each["paste"].splitlines():
                yield "", "", f"  {line}", "cyan"


def _summary(mistakes: int) -> str:
    if not mistakes:
        return "[green]nothing is wrong[/]"
    return f"[red]{mistakes} {'thing is' if mistakes == 1 else 'things are'} wrong[/]"
