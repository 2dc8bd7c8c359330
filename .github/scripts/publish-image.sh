#!/usr/bin/env bash
# Pushes an image of the dbt job to the registry of a deployment, and points the job at it by digest.
# The tag `latest` moves along, because a deployment of the infrastructure names that.
#
# Needs docker, az, signed in; and in the environment
#   IMAGE                 the local image
#   TAG                   the release that it was built from, such as v0.1.0
#   REGISTRY              the registry's host, such as miq.azurecr.io
#   RESOURCE_GROUP, JOB   the job
set -euo pipefail

: "${IMAGE:?}" "${TAG:?}" "${REGISTRY:?}" "${RESOURCE_GROUP:?}" "${JOB:?}"
remote="$REGISTRY/marketing-iq-dbt"

az acr login --name "${REGISTRY%%.*}"
for tag in "${TAG#v}" latest; do
  docker tag "$IMAGE" "$remote:$tag"
  docker push --quiet "$remote:$tag"
done
digest=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$IMAGE" |
  grep --fixed-strings --max-count 1 "$remote@sha256:")

az containerapp job update --resource-group "$RESOURCE_GROUP" --name "$JOB" --image "$digest" --output none
echo "$JOB runs $digest"
