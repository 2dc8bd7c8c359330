#!/usr/bin/env bash
# Asks what a deployment of the infrastructure would change (`what-if`), or makes it (`create`).
#
# Needs az, signed in; in the environment RESOURCE_GROUP, DEPLOYMENT (dev or prod) and what
# infra-bicep/env/<deployment>.bicepparam reads.
set -euo pipefail

: "${RESOURCE_GROUP:?}" "${DEPLOYMENT:?}"
action=${1:?what-if or create}
cd "$(dirname "$0")/../.."

# The image that the dbt job runs belongs to the image's own workflow: it is left as it is.
job="/subscriptions/{subscriptionId}/resourceGroups/$RESOURCE_GROUP/providers/Microsoft.App/jobs/miq-$DEPLOYMENT-dbt?api-version=2025-01-01"
fault=$(mktemp)
trap 'rm -f "$fault"' EXIT
if image=$(az rest --method get --url "$job" --query 'properties.template.containers[0].image' --output tsv 2>"$fault"); then
  export MIQ_TRANSFORM_IMAGE_TAG=${image##*/marketing-iq-dbt}
  echo "The dbt job stays on ${image##*/}."
elif ! grep -q ResourceNotFound "$fault"; then
  cat "$fault" >&2
  echo "Which image the dbt job runs cannot be told; nothing was changed." >&2
  exit 1
fi

options=(--resource-group "$RESOURCE_GROUP" --name marketing-iq --parameters "infra-bicep/env/$DEPLOYMENT.bicepparam")
case $action in
  what-if)
    # Without the check of write permissions: whoever asks has none.
    az deployment group what-if "${options[@]}" --validation-level ProviderNoRbac
    ;;
  create)
    az deployment group create "${options[@]}" --query properties.outputs --output yaml
    ;;
  *)
    echo "what-if or create, not $action" >&2
    exit 2
    ;;
esac
