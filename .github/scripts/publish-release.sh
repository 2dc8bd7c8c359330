#!/usr/bin/env bash
# Makes the GitHub release of a tag with the finished zip and its SHA-256.
# Needs gh with GH_TOKEN and GH_REPO; the zip lies in the folder `package`.
set -euo pipefail

tag=${1:?a tag such as v0.1.0}
cd package
zip=marketing-iq-$tag.zip
mv marketing-iq.zip "$zip"
sha256sum "$zip" >"$zip.sha256"
gh release create "$tag" --verify-tag --title "$tag" --generate-notes "$zip" "$zip.sha256"
