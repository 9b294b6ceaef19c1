#!/usr/bin/env bash
# Puts an image to work on the host this runs on, or leaves the one before at work.
#
#     ./roll_out.sh REGISTRY/NAME@sha256:…   the image, by digest: a tag could mean another tomorrow
#     ./roll_out.sh --back                   the image before this one
#
# It runs in the folder of compose.yaml and .env. `release.env` there names the image at work, and
# `release.previous.env` the one before. Whatever goes wrong, the exit status is not 0.
set -euo pipefail

# How long, in seconds, the new containers have to become healthy.
PATIENCE=${PATIENCE:-180}
SERVICES=(web worker)

say() { printf '%s %s\n' "$(date -u +%H:%M:%S)" "$*"; }

refuse() {
    printf '%s\n' "$*" >&2
    exit 1
}

# The image that a file names, or nothing when there is no such file.
image_in() {
    if [[ -e $1 ]]; then
        sed -n 's/^ATTRITION_IMAGE=//p' "$1"
    fi
}

# Written beside it and then moved: a reader finds the old name or the new one.
name_image() {
    printf 'ATTRITION_IMAGE=%s\n' "$2" >"$1.new"
    mv "$1.new" "$1"
}

compose() {
    local image=$1
    shift
    ATTRITION_IMAGE=$image docker compose "$@"
}

# Healthy containers say that the process runs; the question after that, that its database and its
# model are there.
put_to_work() {
    compose "$1" up --detach --no-deps --wait --wait-timeout "$PATIENCE" "${SERVICES[@]}" &&
        compose "$1" exec --no-TTY web python -m attrition_site.serve health
}

(($# == 1)) || refuse "Name one image by its digest, or --back."
for file in compose.yaml .env; do
    [[ -f $file ]] || refuse "There is no $file in $PWD."
done

exec 9>roll_out.lock
flock --nonblock 9 || refuse "Another roll-out is under way in $PWD."

before=$(image_in release.env)
if [[ $1 == --back ]]; then
    image=$(image_in release.previous.env)
    [[ -n $image ]] || refuse "No image was at work before this one."
else
    image=$1
fi
[[ $image =~ ^[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}$ ]] || refuse "Not an image by digest: $image"

say "Fetching $image"
compose "$image" pull "${SERVICES[@]}" migrate

if [[ $1 != --back ]]; then
    # The one before goes on serving meanwhile, and goes on if this fails.
    say "Migrating the database"
    compose "$image" run --rm migrate
fi

say "Putting it to work"
if put_to_work "$image"; then
    if [[ -n $before && $before != "$image" ]]; then
        name_image release.previous.env "$before"
    fi
    name_image release.env "$image"
    say "At work: $image"
    exit 0
fi

# Whether or not they can be read, the image before goes back to work.
if ! compose "$image" logs --no-color --tail 100 "${SERVICES[@]}" >&2; then
    say "What it said could not be read." >&2
fi
if [[ -z $before ]]; then
    refuse "It did not become healthy, and there is no image before it to go back to."
fi
say "It did not become healthy. Going back to $before"
put_to_work "$before" || refuse "The image before did not become healthy either: nothing serves."
refuse "Rolled back: $before is at work."
