#!/usr/bin/env bash
# Tries an image of the dbt job without a database: its entry point refuses to run without settings,
# and dbt reads the project in it. Needs docker.
#
# Usage: try-image.sh IMAGE
set -euo pipefail

image=${1:?the image}

status=0
told=$(docker run --rm --network none "$image" 2>&1) || status=$?
if ((status != 78)) || [[ $told != *MIQ_DATABASE_TRANSFORM_URL* ]]; then
  echo "without settings it ended with $status, not 78: $told" >&2
  exit 1
fi

settings=()
for setting in HOST=localhost PORT=5432 USER=nobody PASSWORD=none DATABASE=none; do
  settings+=(--env "MIQ_DBT_$setting")
done
docker run --rm --network none --entrypoint dbt "${settings[@]}" "$image" \
  parse --project-dir /app --profiles-dir /app --target-path /tmp/target --log-path /tmp/logs
