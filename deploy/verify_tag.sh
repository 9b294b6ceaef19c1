#!/usr/bin/env bash
# Whether a tag may be released: it names the version of pyproject.toml, and its commit is on main,
# where everything is reviewed. The image that is released is the one that main published.
#
#     deploy/verify_tag.sh v1.2.3
set -euo pipefail
cd "$(dirname "$0")/.."

tag=${1:?Name the tag.}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
if [[ $tag != "v$version" ]]; then
    echo "The tag is $tag, and pyproject.toml says version $version." >&2
    exit 1
fi
if ! git merge-base --is-ancestor "$tag^{commit}" origin/main; then
    echo "$tag is not on main." >&2
    exit 1
fi
echo "$tag is version $version, and on main."
