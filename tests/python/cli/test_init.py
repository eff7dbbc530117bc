"""`selfscale init`: what it writes is valid where it goes, asks for no more than the pages say, and costs no file."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import selfscale as library
import yaml
from init_files import TEMPLATES, Run, Written, files
from selfscale.cli.init import PLATFORMS

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
