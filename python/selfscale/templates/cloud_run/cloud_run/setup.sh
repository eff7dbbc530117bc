#!/bin/sh
# Makes the account that the service runs as, with the rights of its agent and no more, and the service. It can be run again: what
# is there stays as it is, and so does the count. By somebody who may change roles in the project. Before it, once:
#   gcloud --project __project__ services enable iam.googleapis.com run.googleapis.com secretmanager.googleapis.com
# and say where the agents of all instances meet, so that exactly one writes:
#   printf %s 'redis://user:password@host:6379/0' |
#     gcloud --project __project__ secrets create __service__-selfscale-fleet --data-file -
set -eu
cd "$(dirname "$0")"
account=run-__service__@__project__.iam.gserviceaccount.com
gcloud() { command gcloud --quiet --project __project__ "$@"; }

gcloud iam service-accounts describe "$account" >/dev/null 2>&1 ||
  gcloud iam service-accounts create run-__service__ --display-name "Runs __service__"
# Both roles are for all services of the project: what they reach is said where they are bound, below.
gcloud iam roles describe selfscale >/dev/null 2>&1 ||
  gcloud iam roles create selfscale --file role.yaml
gcloud iam roles describe selfscale_operations >/dev/null 2>&1 ||
  gcloud iam roles create selfscale_operations --file role-operations.yaml

# An update of a service that runs as this account needs iam.serviceAccounts.actAs on it: on this account, and on no other.
gcloud iam service-accounts add-iam-policy-binding "$account" \
  --member "serviceAccount:$account" --role roles/iam.serviceAccountUser
# On the whole project: it may see what became of changes, also of other services, and make none.
gcloud projects add-iam-policy-binding __project__ \
  --member "serviceAccount:$account" --role projects/__project__/roles/selfscale_operations --condition None
# The one secret, on which it is bound.
gcloud secrets add-iam-policy-binding __service__-selfscale-fleet \
  --member "serviceAccount:$account" --role roles/secretmanager.secretAccessor

# The count that is there; a service that is new begins with three.
count=$(gcloud run services describe __service__ --region __region__ \
  --format "value(metadata.annotations['run.googleapis.com/manualInstanceCount'])" 2>/dev/null) || count=
gcloud run services replace service.yaml --region __region__
# What Google makes of a file without a count is not documented, so it is said again. From here on it is the agent's. With
# "takeOver": true in selfscale.json, and no scalingMode in service.yaml, this line can go: the agent then turns automatic scaling
# off itself when it first acts, by the same rights.
gcloud run services update __service__ --region __region__ --scaling "${count:-3}"
# It may read and change this one service.
gcloud run services add-iam-policy-binding __service__ --region __region__ \
  --member "serviceAccount:$account" --role projects/__project__/roles/selfscale
