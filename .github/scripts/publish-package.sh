#!/usr/bin/env bash
# Publishes a package to the function app, tries it, and goes back to the former one if it fails.
#
# The package is put into the deployment container by name, as the platform looks for it there;
# then the app is restarted and triggers are synced until they are the package's. `az functionapp
# deploy` is not used: it has been seen to refuse packages of the custom runtime.
#
# Needs az, signed in, curl and python3; and in the environment
#   PACKAGE            the zip
#   VERSION            the version that it must answer with, such as 0.1.0
#   RESOURCE_GROUP, APP_NAME, PACKAGE_STORAGE, PACKAGE_CONTAINER, API_URL
# Optional: PATIENCE, the seconds that a version is given to answer (default 600).
set -euo pipefail

: "${PACKAGE:?}" "${VERSION:?}" "${RESOURCE_GROUP:?}" "${APP_NAME:?}"
: "${PACKAGE_STORAGE:?}" "${PACKAGE_CONTAINER:?}" "${API_URL:?}"
patience=${PATIENCE:-600}
site="/subscriptions/{subscriptionId}/resourceGroups/$RESOURCE_GROUP/providers/Microsoft.Web/sites/$APP_NAME"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

blob=(--auth-mode login --account-name "$PACKAGE_STORAGE" --container-name "$PACKAGE_CONTAINER" --name released-package.zip --only-show-errors)

# How many functions a package holds: folders at its root with a function.json.
functions_in() {
  python3 - "$1" <<'PYTHON'
import sys, zipfile
names = zipfile.ZipFile(sys.argv[1]).namelist()
print(sum(name.count("/") == 1 and name.endswith("/function.json") for name in names))
PYTHON
}

# Runs a command until it succeeds or the patience is used up.
until_it_does() {
  local deadline=$((SECONDS + patience))
  until "$@"; do
    if ((SECONDS >= deadline)); then
      return 1
    fi
    sleep "${PAUSE:-5}"
  done
}

# Chained, because `set -e` does not hold inside a condition.
publish() {
  az storage blob upload "${blob[@]}" --file "$1" --overwrite --output none &&
    az functionapp restart --resource-group "$RESOURCE_GROUP" --name "$APP_NAME" --output none
}

# Whether the API is healthy, as this version. Instances of the former one answer until they have
# drained. Without a version, any will do.
# shellcheck disable=SC2329 # called through until_it_does
healthy() {
  curl --silent --show-error --fail --max-time 30 --output "$work/health.json" "${API_URL%/}/health" &&
    python3 -c 'import json, sys; sys.exit(sys.argv[2] not in ("", json.load(open(sys.argv[1]))["version"]))' "$work/health.json" "${1-}"
}

# Tells the platform the package's functions, and so what wakes the app. It asks an instance for
# them; one of the former package, or one that is not up yet, tells nothing new. Hence a sync with
# each look: after a single one, apps on this plan have been seen to list no function of theirs.
# shellcheck disable=SC2329 # called through until_it_does
sync_triggers() {
  az rest --method post --url "$site/host/default/sync?api-version=2025-03-01" --output none
}

# shellcheck disable=SC2329 # called through until_it_does
lists() {
  local listed
  listed=$(az functionapp function list --resource-group "$RESOURCE_GROUP" --name "$APP_NAME" --query 'length(@)' --output tsv) || return 1
  echo "The app lists $listed functions of $1."
  [[ $listed == "$1" ]]
}

# Whether it is up: as this version, or any without one, with so many functions.
# shellcheck disable=SC2329 # called through until_it_does
up() {
  sync_triggers && healthy "$1" && lists "$2"
}

former=
if az storage blob show "${blob[@]}" --output none 2>"$work/former.log"; then
  former=$work/former.zip
  az storage blob download "${blob[@]}" --file "$former" --output none
elif ! grep -qiE 'BlobNotFound|does not exist' "$work/former.log"; then
  cat "$work/former.log" >&2
  echo "The deployment container cannot be read; nothing was changed." >&2
  exit 1
fi

echo "Publishing $VERSION to $APP_NAME."
functions=$(functions_in "$PACKAGE")
if publish "$PACKAGE" && until_it_does up "$VERSION" "$functions"; then
  echo "$VERSION is up: $(cat "$work/health.json")"
  exit 0
fi

echo "$VERSION did not come up." >&2
if [[ -z $former ]]; then
  echo "There is no former package to go back to." >&2
  exit 1
fi
functions=$(functions_in "$former")
if publish "$former" && until_it_does up '' "$functions"; then
  echo "The former package is up again." >&2
else
  echo "The former package did not come up either: look at the app." >&2
fi
exit 1
