#!/usr/bin/env bash
# Builds and lints the Bicep with the real compiler, which comes with az.
set -euo pipefail

cd "$(dirname "$0")/../../infra-bicep"
az bicep install
az bicep version
for template in main.bicep github.bicep; do
  az bicep build --file "$template" --stdout >/dev/null
  az bicep lint --file "$template"
done
for parameters in env/*.bicepparam; do
  az bicep build-params --file "$parameters" --stdout >/dev/null
done
