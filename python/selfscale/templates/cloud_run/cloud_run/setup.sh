#!/bin/sh
# Makes the account that the service runs as, with the rights of its agent and no more, and the service. By somebody who may
# change roles in the project; what is there already stays as it is. Before it, say where the agents of all instances meet, so that exactly one writes:
#   printf %s 'redis://user:password@host:6379/0' |
#     gcloud --project __project__ secrets create __service__-selfscale-fleet --data-file -
set -eu
cd "$(dirname "$0")"
account=run-__service__@__project__.iam.gserviceaccount.com
gcloud() { command gcloud --quiet --project __project__ "$@"; }

gcloud iam service-accounts describe "$account" >/dev/null 2>&1 ||
  gcloud iam service-accounts create run-__service__ --display-name "Runs __service__"
# One for all services of the project.
gcloud iam roles describe selfscale >/dev/null 2>&1 ||
  gcloud iam roles create selfscale --file role.yaml
gcloud iam roles describe selfscale_operations >/dev/null 2>&1 ||
  gcloud iam roles create selfscale_operations --file role-operations.yaml

# An update of a service that runs as this account needs iam.serviceAccounts.actAs on it, and on no other.
gcloud iam service-accounts add-iam-policy-binding "$account" \
  --member "serviceAccount:$account" --role roles/iam.serviceAccountUser
gcloud projects add-iam-policy-binding __project__ \
  --member "serviceAccount:$account" --role projects/__project__/roles/selfscale_operations --condition None
gcloud secrets add-iam-policy-binding __service__-selfscale-fleet \
  --member "serviceAccount:$account" --role roles/secretmanager.secretAccessor

gcloud run services replace service.yaml --region __region__
gcloud run services add-iam-policy-binding __service__ --region __region__ \
  --member "serviceAccount:$account" --role projects/__project__/roles/selfscale
# The count to begin with; from here on it is the agent's.
gcloud run services update __service__ --region __region__ --scaling 3
