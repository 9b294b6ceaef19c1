#!/usr/bin/env bash
# Builds the image.
#
#     deploy/build_image.sh here NAME:TAG      into this machine's Docker, to be tried
#     deploy/build_image.sh publish NAME:TAG   into the registry, with a list of what is in it (SBOM)
#                                              and how it was made (provenance); prints NAME@DIGEST
set -euo pipefail
cd "$(dirname "$0")/.."

# What builds and what lists the contents see everything that goes into the image: by digest.
BUILDKIT=moby/buildkit:v0.32.2@sha256:28a898719c18a33f4e8000685287fa36fd0dd9560c6440227d3a732d79bb41d8
SBOM_GENERATOR=docker/buildkit-syft-scanner:1.12.0@sha256:ae4f3b554449e7e25548e7d8ccc029d17357348e30c6e3df01b92bc93654d6a9

arguments=(
    --build-arg "VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)"
    --build-arg "REVISION=$(git rev-parse HEAD)"
)

how=${1:?here or publish}
image=${2:?Name the image, with a tag.}

case $how in
here)
    docker buildx build --load "${arguments[@]}" --tag "$image" .
    ;;
publish)
    results=$(mktemp)
    trap 'rm -f "$results"' EXIT
    # Docker's own builder cannot attach attestations; one in a container can.
    docker buildx create --name attrition --driver docker-container \
        --driver-opt "image=$BUILDKIT" --bootstrap >&2
    docker buildx build --builder attrition --push --pull "${arguments[@]}" --tag "$image" \
        --attest "type=sbom,generator=$SBOM_GENERATOR" --attest type=provenance,mode=max \
        --metadata-file "$results" . >&2
    digest=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["containerimage.digest"])' "$results")
    [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]]
    printf '%s@%s\n' "${image%:*}" "$digest"
    ;;
*)
    echo "here or publish, not $how" >&2
    exit 1
    ;;
esac
