#!/usr/bin/env bash
# Fetches a release's zip, and refuses one that this repository's release workflow did not build for
# that very tag.
# Needs gh with GH_TOKEN and GH_REPO. Writes package.zip.
set -euo pipefail

tag=${1:?a tag such as v0.1.0}
if [[ ! $tag =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
  echo "$tag is not a release's tag, such as v0.1.0." >&2
  exit 2
fi
zip=marketing-iq-$tag.zip
gh release download "$tag" --pattern "$zip" --pattern "$zip.sha256"
sha256sum --check "$zip.sha256"
gh attestation verify "$zip" --repo "$GH_REPO" --signer-workflow "$GH_REPO/.github/workflows/release.yml" \
  --source-ref "refs/tags/$tag" --deny-self-hosted-runners
mv "$zip" package.zip
