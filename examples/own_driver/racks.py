"""A whole driver of one's own, for machines in racks behind a small HTTP API. docs/callback.md goes through it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import selfscale
from selfscale.drivers import Capabilities, Findings, Observation

PATIENCE = 5.0  # seconds for a call without a deadline of its own


class Racks:
    """Sets how many machines of a rack run a service."""

    def __init__(self, service: str, platform: Mapping[str, Any]) -> None:
        self._url = f"{platform['url']}/services/{service}"

    def capabilities(self) -> Capabilities:
        return {
            "scope": "platform",  # whoever knows the URL can write: agents need a place to meet
            "conditionalWrite": True,
            "choosesVictims": True,
            "reportsReady": True,
            "minimum": 1,
        }

    def observe(self) -> Observation:
        state, version = self._ask("GET", PATIENCE)
        machines = state["machines"]
        return {
            "desiredReplicas": state["count"],
            "currentReplicas": len(machines),
            "readyReplicas": sum(machine["serves"] for machine in machines),
            "updating": state["release"] == "rolling",
            "minReplicas": 1,
            "maxReplicas": state["slots"],
            "failure": state["problem"],
            "version": version,
            "replicas": [{"instance": machine["name"], "ready": machine["serves"]} for machine in machines],
        }

    def scale(self, replicas: selfscale.ScaleRequest) -> None:
        order = {"count": replicas, "removeFirst": replicas.victims, "leader": replicas.token}
        # Only if nobody has changed it since the agent looked.
        headers = {"If-Match": replicas.version} if replicas.version else {}
        self._ask("PUT", replicas.deadline, order, headers)

    def preflight(self) -> Findings:
        state, _ = self._ask("GET", PATIENCE)
        if not state["mayWrite"]:
            return [{"what": "the key may only read", "why": "nothing can be scaled", "paste": "racks grant write"}]
        return []

    def _ask(
        self, method: str, timeout: float, order: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[Any, str]:
        body = None if order is None else json.dumps(order).encode()
        request = urllib.request.Request(self._url, body, dict(headers or {}), method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer), answer.headers["ETag"]
        except urllib.error.HTTPError as error:
            raise refusal(error) from error
        except OSError as error:
            is_late = isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError)
            raise selfscale.DriverError(f"{self._url}: {error}", "timed_out" if is_late else "unreachable") from error
        except ValueError as error:
            raise selfscale.DriverError(f"{self._url} did not answer with JSON: {error}", "malformed") from error


def refusal(error: urllib.error.HTTPError) -> selfscale.DriverError:
    """Say by its code what can be done about it."""
    codes = {400: "invalid_argument", 403: "denied", 404: "not_found", 412: "conflict", 429: "throttled"}
    code = codes.get(error.code, "unreachable" if error.code >= 500 else "failed")
    wait = error.headers.get("Retry-After")
    permission = "write" if code == "denied" else ""
    return selfscale.DriverError(
        f"{error.code} {error.reason}", code, permission, retry_after=float(wait) if wait else None
    )


selfscale.register_driver("racks", Racks)
