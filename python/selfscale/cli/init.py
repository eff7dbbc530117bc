"""``selfscale init``."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from selfscale.cli.terminal import refuse, refuse_usage

_TEMPLATES = Path(__file__).parents[1] / "templates"
_PROJECT_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_PLACEHOLDER = re.compile(r"__([a-z]+)__")
# What YAML takes for a text without quotes, wherever it stands.
_WORD = r"(?!(?i:y|n|yes|no|on|off|true|false|null)$)"
_TEXT = rf"{_WORD}[A-Za-z][\w.:/@-]*"
_CHECKS = {
    "account": (r"[0-9]{12}", "twelve digits"),
    "image": (rf"{_TEXT}|[0-9]+\.[\w.-]+/[\w./:@-]+", "a reference such as registry.example.com/shop/web:1"),
    "cluster": (
        rf"{_WORD}[A-Za-z][\w-]{{0,254}}",
        "its name, no ARN: letters, digits, - and _",
    ),
    "namespace": (
        rf"{_WORD}[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?",
        "a lower-case letter, then such letters, digits, -",
    ),
    "stack": (rf"{_WORD}[A-Za-z][\w-]{{0,62}}", "a letter, then letters, digits, - and _"),
    "project": (
        rf"{_WORD}[a-z][a-z0-9_-]{{0,62}}",
        "a lower-case letter, then such letters, digits, - and _",
    ),
    "host": (
        r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+",
        "a name such as shop.example.com: lower-case letters, digits, - and dots",
    ),
    "app": (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID"),
}
_NAME = (r"[A-Za-z0-9._-]{1,63}", "letters, digits, dots, dashes and underscores, 63 at most, beginning with a letter")


def _label(most: int) -> tuple[str, str]:
    words = f"lower-case letters, digits and dashes, 2 to {most}, beginning with a letter and not ending with a dash"
    return rf"[a-z][a-z0-9-]{{0,{most - 2}}}[a-z0-9]", words


@dataclass(frozen=True)
class _Platform:
    """What one platform's templates, the folder of its name, have to be told.

    Attributes:
        names: What the platform takes for a service's name, as a regular expression, and in words.
        examples: What the templates ask for beside the service, each with an example that stands for the user's own.
        following: The lines to run next.
    """

    names: tuple[str, str]
    following: tuple[str, ...]
    examples: Mapping[str, str] = field(default_factory=dict)

    def files(self, name: str, values: Mapping[str, str]) -> dict[str, str]:
        """Return the platform's files by their paths, filled in."""
        root = _TEMPLATES / name
        # What pip compiles when it installs them is none of them.
        found = sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
        return {str(path.relative_to(root)): _filled(path.read_text(encoding="utf-8"), values) for path in found}


_IMAGE = {"image": "registry.example.com/__service__:1"}


def _app_with(place: str) -> str:
    """Return the line that comes first: what the health checks of the files ask for, the library answers."""
    return f"# First the app: it calls instrument(app), which answers /health and /health/ready, too; {place}"


_IN_IMAGE = _app_with("its image has selfscale[fastapi,cli]")
_IN_IMAGE_WITH_POLICY = _app_with("its image has selfscale[fastapi,cli] and selfscale.json")
_IN_REQUIREMENTS = _app_with("requirements.txt has selfscale[fastapi,cli]")

PLATFORMS = {
    "kubernetes": _Platform(
        names=_label(53),
        examples={"namespace": "default", **_IMAGE},
        following=(
            _IN_IMAGE,
            "selfscale validate k8s/selfscale.json",
            "kubectl apply -k k8s",
            "kubectl --namespace __namespace__ rollout status deployment/__service__",
            "leader=$(kubectl --namespace __namespace__ get lease selfscale-lease-__service__"
            " -o jsonpath='{.spec.holderIdentity}' | cut -d/ -f1)   # its pod answers, the others' do not",
            'kubectl --namespace __namespace__ exec "${leader:-deployment/__service__}" -- selfscale status',
        ),
    ),
    "ecs": _Platform(
        names=(r"[A-Za-z0-9_-]{1,54}", "letters, digits, dashes and underscores, 54 at most, beginning with a letter"),
        examples={"region": "eu-west-1", "account": "123456789012", "cluster": "default", **_IMAGE},
        following=(
            _IN_IMAGE_WITH_POLICY,
            "selfscale validate selfscale.json",
            "export AWS_REGION=__region__   # of the AWS CLI, version 2",
            "read -r SELFSCALE_FLEET   # redis://user:password@host:6379/0, so that it is in no history",
            'aws ssm put-parameter --name /__service__/selfscale-fleet --type SecureString --value "$SELFSCALE_FLEET"',
            "aws iam create-role --role-name selfscale-__service__ --assume-role-policy-document file://ecs/trust.json",
            "aws iam put-role-policy --role-name selfscale-__service__ --policy-name selfscale"
            " --policy-document file://ecs/policy.json",
            "# aws iam put-role-policy --role-name selfscale-__service__ --policy-name take-over"
            ' --policy-document file://ecs/take-over.json   # only with "takeOver": true',
            "aws iam create-role --role-name execution-__service__ --assume-role-policy-document file://ecs/trust.json",
            "aws iam put-role-policy --role-name execution-__service__ --policy-name selfscale"
            " --policy-document file://ecs/execution.json",
            "aws logs create-log-group --log-group-name /ecs/__service__",
            "aws ecs register-task-definition --cli-input-yaml file://ecs/task-definition.yaml",
            "aws ecs create-service --cli-input-yaml file://ecs/service.yaml"
            "   # your target group, subnets and security groups go into it",
            "aws logs tail /ecs/__service__ --follow   # what it decides, and why",
            "# For `selfscale status` a person has to get into a task, which few should; where you want it:",
            "# aws iam put-role-policy --role-name selfscale-__service__ --policy-name exec"
            " --policy-document file://ecs/exec.json",
            "# aws ecs update-service --cluster __cluster__ --service __service__ --enable-execute-command"
            " --force-new-deployment",
            "# for task in $(aws ecs list-tasks --cluster __cluster__ --service-name __service__ --query 'taskArns[]'"
            " --output text); do",
            "#   aws ecs execute-command --cluster __cluster__ --container __service__ --interactive"
            ' --command "selfscale status" --task "$task"',
            "# done   # the task that leads answers, the others do not",
        ),
    ),
    "swarm": _Platform(
        # Traefik's labels have dots of their own.
        names=(r"[A-Za-z0-9_-]{1,63}", "letters, digits, dashes and underscores, 63 at most, beginning with a letter"),
        examples={"stack": "shop", "host": "shop.example.com", **_IMAGE},
        following=(
            _IN_IMAGE,
            "selfscale validate selfscale.json",
            "# Traefik passes on /api alone: put your own paths into docker-stack.yml, twice",
            "# The limit of 20 requests in flight stands for your own: what one task of yours carries",
            "docker network create --driver overlay traefik   # where there is none",
            "docker stack deploy -c docker-stack.yml __stack__",
            "docker service logs __stack___agent",
            "docker exec $(docker ps -q -f name=__stack___agent) selfscale status   # on the manager that it runs on",
        ),
    ),
    "compose": _Platform(
        names=_NAME,
        examples={"project": "shop", **_IMAGE},
        following=(
            _IN_IMAGE,
            "# The limits of 100 and 20 requests a minute stand for your own: what one container of yours carries",
            "scripts/setup-autoscaling.sh",
            "docker compose -p __project__ -f __file__ -f docker-compose.autoscale.yml up -d"
            "   # version 1: docker-compose",
            "scripts/autoscaling-control.sh status",
        ),
    ),
    "cloud_run": _Platform(
        names=_label(26),
        examples={"project": "shop", "region": "europe-west1", **_IMAGE},
        following=(
            _IN_IMAGE_WITH_POLICY,
            "selfscale validate selfscale.json",
            "cloud_run/setup.sh   # its first lines say what to do before",
            "gcloud run services logs read __service__ --project __project__ --region __region__",
        ),
    ),
    "render": _Platform(
        names=_NAME,
        following=(
            _IN_REQUIREMENTS,
            "selfscale validate selfscale.json",
            "render blueprints validate render.yaml   # of Render's CLI",
            "# Instances of the plan standard and the key value store that render.yaml asks for cost money",
            "git add render.yaml selfscale.json   # pushed, and taken up as a Blueprint, it asks for RENDER_API_KEY",
        ),
    ),
    "railway": _Platform(
        names=_NAME,
        examples={"project": "shop"},
        following=(
            _IN_REQUIREMENTS,
            "selfscale validate selfscale.json",
            "pip install railway-sdk && railway login && railway link",
            "railway config plan   # what would change; nothing does yet",
            "railway config apply   # asks before it does what the plan says",
            "railway variable set --service __service__ --stdin RAILWAY_TOKEN"
            "   # a project token: paste it, then Ctrl-D",
            "railway up --service __service__   # where the service has no repository to be built from",
            "railway logs --service __service__",
        ),
    ),
    "digitalocean": _Platform(
        names=_label(32),
        examples={"app": "4f6c71e2-1e90-4762-9fee-6cc4a0a9f2cf", "repo": "example/__service__"},
        following=(
            _IN_REQUIREMENTS,
            "doctl apps spec validate .do/app.yaml",
            "doctl apps create --spec .do/app.yaml",
            "doctl apps list   # the id goes into selfscale.json, and both secrets into the app's settings",
            "selfscale validate selfscale.json",
            "git add .do selfscale.json   # pushed, it is deployed",
            "doctl apps logs __app__ __service__ --type run --follow",
        ),
    ),
}
"""Every platform that ``selfscale init`` writes for; each has a folder of its name among the templates."""

# What the same platforms are called elsewhere.
_OTHER_NAMES = {
    "k8s": "kubernetes",
    "fargate": "ecs",
    "docker_swarm": "swarm",
    "docker_compose": "compose",
    "do": "digitalocean",
}


def init(
    platform: Annotated[
        str | None,
        typer.Argument(help=f"One of {', '.join(PLATFORMS)}.", metavar="PLATFORM", show_default=False),
    ] = None,
    *,
    service: Annotated[str, typer.Option("--service", "-s", help="The service's name.", metavar="NAME")] = "web",
    out: Annotated[Path, typer.Option("--out", help="The folder to write into; default: this one.")] = Path(),
    image: Annotated[str | None, typer.Option("--image", help="The service's image.")] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", help="kubernetes: the namespace.")] = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="ecs: the cluster's name.")] = None,
    region: Annotated[str | None, typer.Option("--region", help="ecs, cloud_run: the region.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="ecs: the account's number.")] = None,
    stack: Annotated[str | None, typer.Option("--stack", help="swarm: the stack's name.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="swarm: the name that people reach it by.")] = None,
    project: Annotated[str | None, typer.Option("--project", help="compose, cloud_run, railway: the project.")] = None,
    app: Annotated[str | None, typer.Option("--app", help="digitalocean: the app's id.")] = None,
    repo: Annotated[str | None, typer.Option("--repo", help="digitalocean: the repository on GitHub.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    to_stdout: Annotated[bool, typer.Option("--print", help="Print the files and write none.")] = False,
) -> None:
    """Write what a platform needs: the rights of the agent, the deployment, and a policy that only recommends."""
    if platform is None:
        refuse_usage(f"say for which platform: selfscale init PLATFORM, one of {', '.join(PLATFORMS)}")
    known = PLATFORMS.get(platform) or _refuse_platform(platform)
    options = {"image": image, "namespace": namespace, "cluster": cluster, "region": region, "account": account}
    options |= {"stack": stack, "host": host, "project": project, "app": app, "repo": repo}
    given = {name: value for name, value in options.items() if value is not None}
    values = {**_values(platform, known, service, given), "file": _project_file(out)}
    files = known.files(platform, values)
    if to_stdout:
        print("\n".join(f"==> {path} <==\n{text}" for path, text in files.items()), end="")
        return
    _write(out, files, force=force)
    print("\n".join(["Written:", *(f"  {out / path}" for path in files)]))
    if stand_ins := [f"--{name} {values[name]}" for name in known.examples if name not in given]:
        print(f"Examples that stand for your own; put these in, or say them: {', '.join(stand_ins)}")
    there = "" if out == Path() else f" in {out}"
    print("\n".join([f"Next{there}:", *(f"  {_filled(line, values)}" for line in known.following)]))


def _project_file(folder: Path) -> str:
    """Return the name of the project's own file for Compose, which looks for these in this order."""
    try:
        there = {path.name for path in folder.iterdir() if path.is_file()}
    except OSError:  # it is made, or refused, when it is written into
        there = set()
    return next((name for name in _PROJECT_FILES if name in there), _PROJECT_FILES[-1])


def _refuse_platform(name: str) -> _Platform:
    key = name.lower().replace("-", "_")
    near = [_OTHER_NAMES[key]] if key in _OTHER_NAMES else difflib.get_close_matches(key, PLATFORMS, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    return refuse_usage(f"no platform is called {name!r}: there are {', '.join(PLATFORMS)}{meant}")


def _values(name: str, platform: _Platform, service: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return what stands in the place of each placeholder, checked."""
    pattern, words = platform.names
    if not re.fullmatch(_TEXT, service) or not re.fullmatch(pattern, service):
        refuse_usage(f"{service!r} cannot be a service's name on {name}: {words}")
    for option, value in given.items():
        if option not in platform.examples:
            has = ", ".join(f"--{each}" for each in ("service", *platform.examples))
            refuse_usage(f"{name} has no use for --{option}; it has {has}")
        pattern, words = _CHECKS.get(option, (_TEXT, "a letter first, then letters, digits and . : / @ _ - only"))
        if not re.fullmatch(pattern, value, re.ASCII):
            refuse_usage(f"--{option} {value!r}: {words}")
    examples = {option: _filled(example, {"service": service}) for option, example in platform.examples.items()}
    return {"service": service, **examples, **given}


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _write(out: Path, files: Mapping[str, str], *, force: bool) -> None:
    """Write all files or none: they are made beside their places first, and go there once all are made."""
    there = [path for path in files if os.path.lexists(out / path)]
    if there and not force:
        refuse(
            f"nothing was written, for there is already {', '.join(str(out / path) for path in there)}."
            " --force replaces files, --print shows what would be written"
        )
    if folders := [str(out / path) for path in there if (out / path).is_dir()]:
        refuse(f"nothing was written, for {', '.join(folders)} is a folder")
    for path in files:
        for folder in (out / path).parents:
            if os.path.lexists(folder) and not folder.is_dir():
                refuse(f"nothing was written, for {folder} is a file, and a folder is needed there")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".selfscale-init-", dir=out) as made:
            for path, text in files.items():
                file = Path(made) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
                file.chmod(0o755 if file.suffix == ".sh" else 0o644)
                (out / path).parent.mkdir(parents=True, exist_ok=True)
            for path in files:
                (Path(made) / path).replace(out / path)
    except OSError as error:
        refuse(f"cannot write into {out.resolve()}: {error.strerror}")
