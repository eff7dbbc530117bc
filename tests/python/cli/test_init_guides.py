"""What five deployment guides promise of their files, sentence by sentence, and where `selfscale init` keeps it.

The guides are those of tests/fixtures/guides; what they say of decisions is in tests/python/decide/test_guides.py. Some
of it is kept otherwise, and stands in no row:

- Counts that a file would put back over the agent's are left out (Kubernetes, Cloud Run, Render, Railway,
  DigitalOcean), and so are the platforms' own autoscalers: the policy has their bounds and targets.
- Where guides differ, NeuroCred's file is taken: tasks of ECS with 512 units and 1024 MiB (FlowDocs, SocialTrend: 1024
  and 2048), pods with at most two CPUs and 2 GiB (FlowDocs: half) that come by two (FlowDocs: four),
  their liveness every 10 s (Tikit: 30 s).
- Databases, images, networks and dashboards are the project's; the HTTP interface is the app's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import selfscale
import yaml
from selfscale.cli._app import app
from typer.testing import CliRunner


class Keeps(NamedTuple):
    """A guide's words, shortened, the file of a platform, and the value at a place of it, by its keys and indices."""

    says: str
    file: str
    place: str
    value: Any


class Writes(NamedTuple):
    """A guide's words, shortened, the file of a platform, and what stands in it: a line of no data, or a comment."""

    says: str
    file: str
    text: str


COMPOSE = "compose/docker-compose.autoscale.yml"
COMPOSE_POLICY = "compose/config/autoscaling/policies.json"
CONTROL = "compose/scripts/autoscaling-control.sh"
SETTINGS = "compose/config/autoscaling/.env.autoscaling"
STACK = "swarm/docker-stack.yml"
DEPLOYMENT = "kubernetes/k8s/deployment.yaml"
KUBERNETES_POLICY = "kubernetes/k8s/selfscale.json"
TASK = "ecs/ecs/task-definition.yaml"
ECS_SERVICE = "ecs/ecs/service.yaml"
CLOUD_RUN = "cloud_run/cloud_run/service.yaml"
APP = "digitalocean/.do/app.yaml"
RENDER = "render/render.yaml"
RAILWAY = "railway/.railway/railway.py"

POD = "spec.template.spec"
CONTAINER = f"{POD}.containers.0"
TASK_CONTAINER = "containerDefinitions.0"
TWO_CPUS = {"cpu": "2000m", "memory": "2Gi"}
AFFINITY = Writes("", "kubernetes/k8s/service.yaml", "# sessionAffinityConfig: {clientIP: {timeoutSeconds: 10800}}")

FLOWDOCS = [
    Keeps("2 replicas by default", COMPOSE, "services.web.deploy.replicas", 2),
    Keeps(
        "Resource limits: 1 CPU, 1GB memory per container",
        COMPOSE,
        "services.web.deploy.resources.limits",
        {"cpus": "1.0", "memory": "1G"},
    ),
    # Without a swarm nobody keeps CPUs for anybody.
    Keeps("Resource reservations: 512MB memory", COMPOSE, "services.web.deploy.resources.reservations.memory", "512M"),
    Keeps(
        "Resource reservations: 0.5 CPU, 512MB memory",
        STACK,
        "services.web.deploy.resources.reservations",
        {"cpus": "0.5", "memory": "512M"},
    ),
    Keeps("Automatic restart on failure (max 3 attempts)", COMPOSE, "services.web.restart", "on-failure:3"),
    Keeps("Health checks every 30 seconds", COMPOSE, "services.web.healthcheck.interval", "30s"),
    Writes("docker-compose up -d --scale app=3", COMPOSE, "`--scale web="),
    Keeps(
        "Resource requests: 500m CPU, 512Mi memory",
        DEPLOYMENT,
        f"{CONTAINER}.resources.requests",
        {"cpu": "500m", "memory": "512Mi"},
    ),
    Keeps("Liveness probes configured", DEPLOYMENT, f"{CONTAINER}.livenessProbe.httpGet.path", "/health"),
    Keeps("Readiness probes configured", DEPLOYMENT, f"{CONTAINER}.readinessProbe.httpGet.path", "/health/ready"),
    Keeps("Startup probes configured", DEPLOYMENT, f"{CONTAINER}.startupProbe.httpGet.path", "/health/startup"),
    AFFINITY._replace(says="Session affinity enabled (3-hour timeout)"),
    Keeps("Min replicas: 2", KUBERNETES_POLICY, "minReplicas", 2),
    Keeps("Max replicas: 10", KUBERNETES_POLICY, "maxReplicas", 10),
    Keeps("CPU target: 70% utilization", KUBERNETES_POLICY, "rules.0.target", 70),
    Keeps("Health checks every 30 seconds", TASK, f"{TASK_CONTAINER}.healthCheck.interval", 30),
    Keeps("CloudWatch Logs integration", TASK, f"{TASK_CONTAINER}.logConfiguration.logDriver", "awslogs"),
    Keeps("CPU Utilization, Target: 70%", "ecs/selfscale.json", "rules.0.target", 70),
    Keeps("Scale-out cooldown: 60s", "ecs/selfscale.json", "rules.0.scaleOutCooldown", "1m"),
    Keeps("Scale-in cooldown: 300s", "ecs/selfscale.json", "rules.0.scaleInCooldown", "5m"),
    Keeps("Min: 2 tasks", "ecs/selfscale.json", "minReplicas", 2),
    Keeps("Max: 10 tasks", "ecs/selfscale.json", "maxReplicas", 10),
    Keeps("Desired: 3 tasks", ECS_SERVICE, "desiredCount", 3),
    Keeps("Maximum: 200%", ECS_SERVICE, "deploymentConfiguration.maximumPercent", 200),
    Keeps("Minimum healthy: 100%", ECS_SERVICE, "deploymentConfiguration.minimumHealthyPercent", 100),
    Keeps(
        "Circuit breaker enabled with automatic rollback",
        ECS_SERVICE,
        "deploymentConfiguration.deploymentCircuitBreaker",
        {"enable": True, "rollback": True},
    ),
    Keeps("Secrets in AWS", TASK, f"{TASK_CONTAINER}.secrets.0.name", "SELFSCALE_FLEET"),
    Writes("Use Fargate Spot (AWS)", ECS_SERVICE, "# - {capacityProvider: FARGATE_SPOT, weight: 3}"),
    Keeps("Non-root user", DEPLOYMENT, f"{POD}.securityContext.runAsNonRoot", True),
    Keeps("Response time: < 5 seconds", COMPOSE, "services.web.healthcheck.timeout", "5s"),
    Keeps("Response time: < 5 seconds", STACK, "services.web.healthcheck.timeout", "5s"),
    Keeps("Response time: < 5 seconds", DEPLOYMENT, f"{CONTAINER}.readinessProbe.timeoutSeconds", 5),
    Keeps("Response time: < 5 seconds", TASK, f"{TASK_CONTAINER}.healthCheck.timeout", 5),
    Keeps("Increase startup period", COMPOSE, "services.web.healthcheck.start_period", "30s"),
]

TIKIT = [
    Writes('"restartPolicyType": "ON_FAILURE"', RAILWAY, '"restartPolicyType": "ON_FAILURE"'),
    Writes('"restartPolicyMaxRetries": 10', RAILWAY, '"restartPolicyMaxRetries": 10'),
    *(
        Keeps(says, f"{platform}/selfscale.json", place, value)
        for platform in ("railway", "render")
        for says, place, value in (
            ("Minimum replicas: 2 (for high availability)", "minReplicas", 2),
            ("Maximum replicas: 10 (cost control)", "maxReplicas", 10),
            ("Scale up when: CPU > 70% for 2 minutes", "rules.0.scaleUp", 70),
            ("Scale up when: CPU > 70% for 2 minutes", "rules.0.scaleUpFor", "2m"),
            ("Scale down when: CPU < 30% for 5 minutes", "rules.0.scaleDown", 30),
            ("Scale down when: CPU < 30% for 5 minutes", "rules.0.scaleDownFor", "5m"),
            ("Cooldown: 5 minutes between scaling events", "cooldownPeriod", "5m"),
        )
    ),
    Keeps("plan: standard", RENDER, "services.0.plan", "standard"),
    Keeps("Liveness, path: /health", APP, "services.0.liveness_health_check.http_path", "/health"),
    Keeps("Liveness, interval: 30 seconds", APP, "services.0.liveness_health_check.period_seconds", 30),
    Keeps("Liveness, timeout: 5 seconds", APP, "services.0.liveness_health_check.timeout_seconds", 5),
    Keeps("Liveness, failure threshold: 3", APP, "services.0.liveness_health_check.failure_threshold", 3),
    Keeps("Liveness, path: /health", CLOUD_RUN, f"{CONTAINER}.livenessProbe.httpGet.path", "/health"),
    Keeps("Liveness, interval: 30 seconds", CLOUD_RUN, f"{CONTAINER}.livenessProbe.periodSeconds", 30),
    Keeps("Liveness, timeout: 5 seconds", CLOUD_RUN, f"{CONTAINER}.livenessProbe.timeoutSeconds", 5),
    Keeps("Liveness, failure threshold: 3", CLOUD_RUN, f"{CONTAINER}.livenessProbe.failureThreshold", 3),
    Keeps("Readiness, interval: 10 seconds", APP, "services.0.health_check.period_seconds", 10),
    Keeps("Readiness, timeout: 5 seconds", APP, "services.0.health_check.timeout_seconds", 5),
    Keeps("Readiness, failure threshold: 2", APP, "services.0.health_check.failure_threshold", 2),
    Writes("Round Robin", "compose/config/autoscaling/nginx.conf", "set $service http://web:8000;"),
    AFFINITY._replace(says="IP Hash for WebSocket connections"),
    Keeps("Production: 2GB RAM, 2 CPU", DEPLOYMENT, f"{CONTAINER}.resources.limits", TWO_CPUS),
    Keeps("Production: 2GB RAM, 2 CPU", CLOUD_RUN, f"{CONTAINER}.resources.limits", {"cpu": "2", "memory": "2Gi"}),
]

SPHEROSEG = [
    Writes("./scripts/setup-autoscaling.sh", "compose/scripts/setup-autoscaling.sh", "compose config --quiet"),
    Writes("./scripts/setup-autoscaling.sh --validate", "compose/scripts/setup-autoscaling.sh", "--validate"),
    Writes("docker-compose -f … up -d", COMPOSE, "-f docker-compose.yml -f docker-compose.autoscale.yml up -d"),
    Writes("./scripts/autoscaling-control.sh enable", CONTROL, "| enable |"),
    Writes("./scripts/autoscaling-control.sh status", CONTROL, "  status |"),
    Writes("./scripts/autoscaling-control.sh history backend", CONTROL, 'agent history --service "${2:-web}"'),
    Writes("./scripts/autoscaling-control.sh policies", CONTROL, "| policies |"),
    Writes("./scripts/monitor-autoscaling.sh", "compose/scripts/monitor-autoscaling.sh", "selfscale status; do"),
    Keeps("-production-scaling", COMPOSE_POLICY, "name", "web-production-scaling"),
    Keeps('"minReplicas": 2', COMPOSE_POLICY, "minReplicas", 2),
    Keeps('"maxReplicas": 8', COMPOSE_POLICY, "maxReplicas", 8),
    Keeps('"cooldownPeriod": 300', COMPOSE_POLICY, "cooldownPeriod", "5m"),
    Keeps('"evaluationInterval": 120', COMPOSE_POLICY, "evaluationInterval", "2m"),
    Keeps('"enabled": false', COMPOSE_POLICY, "enabled", False),
    Keeps("Scale Up: Request Rate > 100/min", COMPOSE_POLICY, "rules.0.scaleUp", 100),
    Keeps("Scale Down: Request Rate < 20/min", COMPOSE_POLICY, "rules.0.scaleDown", 20),
    *(
        Writes(line, SETTINGS, f"\n{line}\n")
        for line in (
            "AUTOSCALING_ENABLED=false",
            "AUTOSCALING_LOG_LEVEL=info",
            "MAX_TOTAL_REPLICAS=20",
            "MIN_AVAILABLE_MEMORY_MB=512",
        )
    ),
    # The log says of both that they have no effect.
    Writes("SCALING_NOTIFICATIONS_ENABLED=true", SETTINGS, "# SCALING_NOTIFICATIONS_ENABLED=true"),
    Writes("SCALING_WEBHOOK_URL=", SETTINGS, "# SCALING_WEBHOOK_URL="),
    *(
        Keeps(f"export {name}=", COMPOSE, f"services.autoscaler.environment.{name}", None)
        for name in ("AUTOSCALING_ENABLED", "AUTOSCALING_LOG_LEVEL", "AUTOSCALING_DRY_RUN", "MAX_TOTAL_REPLICAS")
    ),
    Keeps("Resource limits for scaling decisions", COMPOSE, "services.web.deploy.resources.limits.memory", "1G"),
    Keeps("Health checks for service availability", COMPOSE, "services.web.healthcheck.retries", 3),
    Keeps("Load balancing configuration", COMPOSE, "services.proxy.depends_on", ["web"]),
    Keeps("http://localhost:5001", COMPOSE, "services.proxy.ports", ["5001:8080"]),
    Keeps("Logging for scaling analysis", COMPOSE, "services.autoscaler.logging.driver", "json-file"),
    Keeps(
        "Memory: ~50MB for auto-scaler process",
        COMPOSE,
        "services.autoscaler.deploy.resources.reservations",
        {"memory": "64M"},
    ),
    Keeps("User must have Docker access", COMPOSE, "services.autoscaler.group_add", ["${DOCKER_GID:-0}"]),
]

NEUROCRED = [
    Keeps("healthCheckPath: /health/ready", RENDER, "services.0.healthCheckPath", "/health/ready"),
    Keeps("uvicorn … --port $PORT", RENDER, "services.0.startCommand", "uvicorn app:app --host 0.0.0.0 --port $PORT"),
    Writes('"healthcheckPath": "/health/ready"', RAILWAY, 'healthcheck="/health/ready"'),
    Writes('"healthcheckTimeout": 100', RAILWAY, "healthcheckTimeout=100"),
    Keeps('"cpu": "512"', TASK, "cpu", "512"),
    Keeps('"memory": "1024"', TASK, "memory", "1024"),
    Keeps('"requiresCompatibilities": ["FARGATE"]', TASK, "requiresCompatibilities", ["FARGATE"]),
    Keeps('"networkMode": "awsvpc"', TASK, "networkMode", "awsvpc"),
    Keeps('"interval": 30', TASK, f"{TASK_CONTAINER}.healthCheck.interval", 30),
    Keeps('"timeout": 5', TASK, f"{TASK_CONTAINER}.healthCheck.timeout", 5),
    Keeps('"retries": 3', TASK, f"{TASK_CONTAINER}.healthCheck.retries", 3),
    Keeps("livenessProbe, initialDelaySeconds: 30", DEPLOYMENT, f"{CONTAINER}.livenessProbe.initialDelaySeconds", 30),
    Keeps("livenessProbe, periodSeconds: 10", DEPLOYMENT, f"{CONTAINER}.livenessProbe.periodSeconds", 10),
    Keeps("readinessProbe, initialDelaySeconds: 10", DEPLOYMENT, f"{CONTAINER}.readinessProbe.initialDelaySeconds", 10),
    Keeps("readinessProbe, periodSeconds: 5", DEPLOYMENT, f"{CONTAINER}.readinessProbe.periodSeconds", 5),
    Keeps("limits: cpu: 2000m, memory: 2Gi", DEPLOYMENT, f"{CONTAINER}.resources.limits", TWO_CPUS),
    Keeps("scaleDown: 300", KUBERNETES_POLICY, "behavior.scaleDown.stabilizationWindowSeconds", 300),
    Keeps("scaleUp: 0", KUBERNETES_POLICY, "behavior.scaleUp.stabilizationWindowSeconds", 0),
    Keeps("selectPolicy: Max", KUBERNETES_POLICY, "behavior.scaleUp.selectPolicy", "Max"),
]


def label(says: str, text: str) -> Writes:
    return Writes(says, STACK, f'- "traefik.{text}"')


SOCIALTREND = [
    Keeps("Configure `replicas: 3` for backend/automation", STACK, "services.web.deploy.replicas", 3),
    Keeps("Adjust CPU/memory limits", STACK, "services.web.deploy.resources.limits", {"cpus": "1.0", "memory": "1G"}),
    Keeps("Placement constraints", STACK, "services.agent.deploy.placement.constraints", ["node.role == manager"]),
    Keeps("Rolling updates", STACK, "services.web.deploy.update_config.order", "start-first"),
    label("traefik.enable=true", "enable=true"),
    label("server.port=8000", "http.services.web.loadbalancer.server.port=8000"),
    label("PathPrefix(`/api`)", "http.routers.web.rule=PathPrefix(`/api`)"),
    label("HTTP/HTTPS termination", "http.routers.web-secure.rule=Host(`shop.example.com`) && PathPrefix(`/api`)"),
    label("Automatic SSL with Let's Encrypt", "http.routers.web-secure.tls.certresolver=letsencrypt"),
    label("Health checks", "http.services.web.loadbalancer.healthcheck.path=/health/ready"),
    label("Circuit breakers", "http.middlewares.web-breaker.circuitbreaker.expression=NetworkErrorRatio() > 0.30"),
    label("Retry logic", "http.middlewares.web-retry.retry.attempts=3"),
    Keeps("Desired count: 3", ECS_SERVICE, "desiredCount", 3),
    Keeps("Circuit breaker enabled", ECS_SERVICE, "deploymentConfiguration.deploymentCircuitBreaker.enable", True),
    Keeps("Cloud Run, min instances: 3", "cloud_run/selfscale.json", "minReplicas", 3),
    Keeps("Cloud Run, max instances: 10", "cloud_run/selfscale.json", "maxReplicas", 10),
    Keeps("targetCPUUtilization: 70", "cloud_run/selfscale.json", "rules.0.target", 70),
    Writes("Cloud Run, min instances: 3", "cloud_run/cloud_run/setup.sh", '--scaling "${count:-3}"'),
    Keeps("CPU: 2 vCPU", CLOUD_RUN, f"{CONTAINER}.resources.limits.cpu", "2"),
    Keeps("Memory: 2 GB", CLOUD_RUN, f"{CONTAINER}.resources.limits.memory", "2Gi"),
    Keeps("Concurrency: 80", CLOUD_RUN, f"{POD}.containerConcurrency", 80),
    Keeps("Auto-scaling alerts", APP, "services.0.alerts.0.rule", "CPU_UTILIZATION"),
    Keeps("Memory Usage: Alert at 80%", APP, "services.0.alerts.1.value", 80),
    Keeps("Startup probes", CLOUD_RUN, f"{CONTAINER}.startupProbe.httpGet.path", "/health/startup"),
    Keeps("Graceful shutdown", DEPLOYMENT, f"{POD}.terminationGracePeriodSeconds", 30),
    Keeps("Graceful shutdown", COMPOSE, "services.web.stop_grace_period", "30s"),
    Keeps("Graceful shutdown", STACK, "services.web.stop_grace_period", "30s"),
    Keeps("Graceful shutdown", TASK, f"{TASK_CONTAINER}.stopTimeout", 30),
    Keeps("Graceful shutdown", RENDER, "services.0.maxShutdownDelaySeconds", 30),
    Keeps("Graceful shutdown", APP, "services.0.termination.grace_period_seconds", 30),
    Writes("Graceful shutdown", RAILWAY, '"drainingSeconds": 30'),
    Keeps("Least privilege", DEPLOYMENT, f"{CONTAINER}.securityContext.capabilities", {"drop": ["ALL"]}),
    Keeps("Non-root users", DEPLOYMENT, f"{POD}.securityContext.runAsNonRoot", True),
]

GUIDES = {
    "flowdocs": FLOWDOCS,
    "tikit": TIKIT,
    "spheroseg": SPHEROSEG,
    "neurocred": NEUROCRED,
    "socialtrend": SOCIALTREND,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What init writes for each platform, in a folder of its name."""
    made = tmp_path_factory.mktemp("init")
    for platform in {row.file.partition("/")[0] for rows in GUIDES.values() for row in rows}:
        ended = CliRunner().invoke(app, ["init", platform, "--out", str(made / platform)])
        assert ended.exit_code == 0, ended.stderr
    return made


def document(path: Path) -> Any:
    """A file's one document; of a file of policies its one policy, in its normal form."""
    if path.suffix == ".json" and '"policies"' in path.read_text():
        (policy,) = selfscale.load_policies(path)
        return policy
    return json.loads(path.read_text()) if path.suffix == ".json" else yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=f"{guide}: {row.says[:60]} ({at})")
        for guide, rows in GUIDES.items()
        for at, row in enumerate(rows, 1)
    ],
)
def test_a_file_keeps_what_the_guide_promises(row: Keeps | Writes, folder: Path) -> None:
    path = folder / row.file
    if isinstance(row, Writes):
        assert row.text in path.read_text(), row.says
        return
    found = document(path)
    for step in row.place.split("."):
        found = found[int(step) if isinstance(found, list) else step]
    assert found == row.value, row.says
