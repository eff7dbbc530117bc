#!/bin/sh
# Asks and tells the running agent:
#   autoscaling-control.sh status                       what it sees, recommends and may do, and who says so
#   autoscaling-control.sh history [SERVICE]            what it has done
#   autoscaling-control.sh explain [ID]                 why: the last decision, or the one of that ID
#   autoscaling-control.sh recommendations              what it would do
#   autoscaling-control.sh policies                     the policies as they are understood
#   autoscaling-control.sh enable | disable [SERVICE]   the switch for everything, or a service's own; it is kept
#   autoscaling-control.sh pause | resume [SERVICE]     hold a service where it is (--for 30m), and go on
#   autoscaling-control.sh scale --replicas N           this many, once, within the policy's bounds
set -eu
cd "$(dirname "$0")/.."

# Version 2 of Compose is a part of docker, version 1 a command of its own.
if docker compose version >/dev/null 2>&1; then docker_compose="docker compose"; else docker_compose=docker-compose; fi
# shellcheck disable=SC2086 # two words
compose() { $docker_compose -p __project__ -f __file__ -f docker-compose.autoscale.yml "$@"; }
agent() { compose exec -T autoscaler selfscale "$@"; }

case "${1:-}" in
  history) agent history --service "${2:-__service__}" ;;
  status | explain | recommendations | policies | enable | disable | pause | resume | scale) agent "$@" ;;
  *) sed -n 's/^#   //p' "$0" >&2 && exit 2 ;;
esac
