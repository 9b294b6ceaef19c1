#!/usr/bin/env bash
# Which image is published under a tag, by its digest.
#
#     deploy/published_image.sh NAME:TAG   prints NAME@DIGEST
set -euo pipefail

image=${1:?Name the image, with a tag.}
if ! manifest=$(docker buildx imagetools inspect --format '{{json .Manifest}}' "$image"); then
    echo "$image is not published: a commit is tagged once main has published its image." >&2
    exit 1
fi
digest=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["digest"])' <<<"$manifest")
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]]
printf '%s@%s\n' "${image%:*}" "$digest"
