#!/usr/bin/env bash
# Runs an image as it runs in production, with compose.yaml, a fresh database and secrets of its own;
# signs in, predicts, and takes everything down again.
#
#     deploy/smoke_test.sh IMAGE
set -euo pipefail
cd "$(dirname "$0")/.."

export ATTRITION_IMAGE=${1:?Name the image.}
export COMPOSE_PROJECT_NAME=attrition-smoke-test

folder=$(mktemp -d)
finish() {
    local status=$?
    if ((status)); then
        docker compose logs --no-color --tail 200 >&2
    fi
    docker compose down --volumes --remove-orphans
    rm -rf "$folder"
    exit "$status"
}
trap finish EXIT

random() { python3 -c 'import secrets; print(secrets.token_urlsafe(48))'; }
SMOKE_USERNAME=smoke
SMOKE_PASSWORD=$(random)
export SMOKE_USERNAME SMOKE_PASSWORD
