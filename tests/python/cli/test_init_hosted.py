"""What `selfscale init` writes for platforms behind a token: Render, Railway, DigitalOcean."""

from __future__ import annotations

import json
import re
import runpy

import pytest
import selfscale as library
import yaml
from init_files import FIXTURES, ROOT, Run, Written, files, mistakes, parsed

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


def test_railway_is_planned_then_applied_then_given_its_token(init: Run) -> None:
    following = init("railway").stdout.partition("Next:\n")[2]
    places = [following.index(f"railway {word}") for word in ("link", "config plan", "config apply", "variable set")]
    assert places == sorted(places)


def test_the_calls_that_railway_allows_are_enough_for_the_replicas_of_the_comment(written: Written) -> None:
    text = re.sub(r"\s+(// )?", " ", (written("railway") / "selfscale.json").read_text())
    (policy,) = library.load_policies(written("railway", "--force") / "selfscale.json")
    leader, other = 180, 30  # as agent/hosted_replicas_test.cpp measures them
    assert policy["evaluationInterval"] == "1m"
    assert f"{leader} times by the replica that leads, {other} times by each other one" in text
    assert f"its six replicas take {leader + 5 * other} of its 1000" in text
    assert "three replicas" not in text
    assert leader + (policy["maxReplicas"] - 1) * other <= 1000, "so all on Pro, too, which has more"
    page = re.sub(r"\s+", " ", (ROOT / "docs" / "drivers" / "railway.md").read_text())
    assert f"{other} of each other replica" in page
    assert f"{leader} of a leader that evaluates once a minute, as `selfscale init railway` has it" in page


# digitalocean


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


# All of them


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
