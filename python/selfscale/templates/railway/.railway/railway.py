"""Railway's infrastructure as code, which railway.json gives way to: Railway reads that until 2026-12-01 and no longer.

In Python it is in beta at Railway, and needs a current CLI.

It describes a whole project. If yours has more in it, run `railway config pull --lang py` first and paste from here.
`railway config plan` shows what would change and changes nothing.
"""

from railway_sdk import define_railway, preserve, project, redis, service


@define_railway
def main(ctx=None):
    """Return the project: the service, and where the agents of its replicas meet."""
    meeting = redis("__service__-selfscale")
    served = service(
        "__service__",
        start="uvicorn app:app --host 0.0.0.0 --port $PORT",
        # No `replicas`: each `railway config apply` would put them back over the agent's. It begins with one;
        # as long as the agent only recommends, `railway scale` sets more.
        #
        # A deployment takes over once this answers; it has 100 s for that.
        healthcheck="/health/ready",
        healthcheckTimeout=100,
        deploy={
            "restartPolicyType": "ON_FAILURE",
            "restartPolicyMaxRetries": 10,
            # From SIGTERM to SIGKILL. The longest request must fit, or a scale-down cuts it off.
            "drainingSeconds": 30,
            # A service that sleeps has no agent; and one that has an agent never sleeps.
            "sleepApplication": False,
        },
        env={
            # selfscale.json is found in the root of the repository.
            "SELFSCALE_SERVICE": "__service__",
            # The switch for everything. Nothing is scaled before this says true and the policy says enabled.
            "AUTOSCALING_ENABLED": "false",
            # A project token (the project's settings, Tokens): it is bound to this one environment. Railway has nothing
            # narrower; a token of the account or the workspace would reach all of its projects. Put in by hand, once:
            # it is in no file.
            "RAILWAY_TOKEN": preserve(),
            # Where the agents of all replicas meet, so that exactly one writes. Without it they recommend only.
            "SELFSCALE_FLEET": meeting.env.REDIS_URL,
        },
    )
    return project("__project__", resources=[meeting, served])
