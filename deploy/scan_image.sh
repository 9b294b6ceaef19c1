#!/usr/bin/env bash
# Fails when the image holds a known vulnerability of high or critical severity, in Debian's packages
# or in Python's, and when the scanner could not look.
#
#     deploy/scan_image.sh IMAGE
#
# The scanner gets the image as a file, not the Docker socket, which would make it this machine's
# owner. `deploy/grype.yaml` says what is left out, and why.
set -euo pipefail
cd "$(dirname "$0")/.."

GRYPE=anchore/grype:v0.117.0@sha256:ddf9e9f204049f3a4a0955ef70873cabab6a31432125ad4f20a490b54950a253

image=${1:?Name the image.}

today=$(date -u +%F)
sed -n '/^ *#/d; s/.*Until \([0-9-]*\)\..*/\1/p' deploy/grype.yaml | while read -r day; do
    if [[ $day < $today ]]; then
        echo "deploy/grype.yaml accepts a finding until $day: decide again." >&2
        exit 1
    fi
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
docker image save --output "$folder/image.tar" "$image"
docker run --rm --volume "$folder/image.tar:/image.tar:ro" \
    --volume "$PWD/deploy/grype.yaml:/grype.yaml:ro" \
    "$GRYPE" --config /grype.yaml --fail-on high docker-archive:/image.tar
