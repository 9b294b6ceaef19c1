#!/usr/bin/env bash
# Rolls an image out on another machine: sends compose.yaml and roll_out.sh there, and runs it.
#
#     deploy/over_ssh.sh REGISTRY/NAME@sha256:…
#
# DEPLOY_HOST, DEPLOY_USER and DEPLOY_FOLDER say where (DEPLOY_PORT: 22); DEPLOY_KEY is the private
# key, and DEPLOY_KNOWN_HOSTS the host's public keys as in a known_hosts file. A host with another
# key is refused: nobody is there to ask whether it can be trusted.
set -euo pipefail
cd "$(dirname "$0")/.."

: "${1:?Name the image to roll out by its digest.}"
: "${DEPLOY_HOST:?}" "${DEPLOY_USER:?}" "${DEPLOY_FOLDER:?}" "${DEPLOY_KEY:?}" "${DEPLOY_KNOWN_HOSTS:?}"

umask 077
secrets=$(mktemp -d)
trap 'rm -rf "$secrets"' EXIT
printf '%s\n' "$DEPLOY_KEY" >"$secrets/key"
printf '%s\n' "$DEPLOY_KNOWN_HOSTS" >"$secrets/known_hosts"

options=(
    -F /dev/null
    -i "$secrets/key"
    -o "Port=${DEPLOY_PORT:-22}"
    -o BatchMode=yes
    -o IdentitiesOnly=yes
    -o StrictHostKeyChecking=yes
    -o "UserKnownHostsFile=$secrets/known_hosts"
    -o GlobalKnownHostsFile=/dev/null
    -o ConnectTimeout=20
    -o ServerAliveInterval=15
)
there=$DEPLOY_USER@$DEPLOY_HOST

scp "${options[@]}" compose.yaml deploy/roll_out.sh "$there:$DEPLOY_FOLDER/"
# Quoted here, for the shell over there.
printf -v command 'cd %q && bash ./roll_out.sh %q' "$DEPLOY_FOLDER" "$1"
# shellcheck disable=SC2029  # it is meant to be expanded on this side
ssh "${options[@]}" "$there" "$command"
