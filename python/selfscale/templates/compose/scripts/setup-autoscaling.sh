#!/bin/sh
# Checks the policies and the project's files together, before anything starts:
#   setup-autoscaling.sh              both
#   setup-autoscaling.sh --validate   the policies alone
set -eu
cd "$(dirname "$0")/.."

selfscale validate config/autoscaling/policies.json
[ "${1:-}" = --validate ] && exit

# Version 2 of Compose is a part of docker, version 1 a command of its own.
if docker compose version >/dev/null 2>&1; then docker_compose="docker compose"; else docker_compose=docker-compose; fi
# shellcheck disable=SC2086 # two words
compose() { $docker_compose -p __project__ -f __file__ -f docker-compose.autoscale.yml "$@"; }
compose config --quiet
