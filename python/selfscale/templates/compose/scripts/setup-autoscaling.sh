#!/bin/sh
# Checks the policies and the project's files together, before anything starts:
#   setup-autoscaling.sh              both
#   setup-autoscaling.sh --validate   the policies alone
set -eu
cd "$(dirname "$0")/.."

selfscale validate config/autoscaling/policies.json
[ "${1:-}" = --validate ] && exit
docker-compose -p __project__ -f docker-compose.yml -f docker-compose.autoscale.yml config --quiet
