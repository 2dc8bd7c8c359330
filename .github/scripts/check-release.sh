#!/usr/bin/env bash
# Refuses a release whose tag is not the version in Cargo.toml, or whose commit is not on main.
set -euo pipefail

tag=${1:?a tag such as v0.1.0}
version=$(cargo metadata --no-deps --format-version 1 |
  python3 -c 'import json, sys; print(next(p["version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "marketing-iq"))')
if [[ $tag != "v$version" ]]; then
  echo "The tag is $tag, and Cargo.toml says $version." >&2
  exit 1
fi
if ! git merge-base --is-ancestor HEAD origin/main; then
  echo "The commit of $tag is not on main, so nobody has tested it." >&2
  exit 1
fi
echo "$version"
