#!/usr/bin/env bash
# Publishes what is committed here to a Hugging Face Space, which builds and runs it by itself.
#
#     SPACE=owner/name SPACE_TOKEN=… deploy/publish_space.sh
#
# What lies in deploy/space/ takes the place of the files of the same name. The Space gets one commit
# without a history: it is where the product is shown, not where it is kept.
set -euo pipefail
cd "$(dirname "$0")/.."

: "${SPACE:?}" "${SPACE_TOKEN:?}"
if ! [[ $SPACE =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]]; then
    echo "SPACE is owner/name, not $SPACE." >&2
    exit 1
fi
revision=$(git rev-parse HEAD)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/space"
git archive "$revision" | tar --extract --directory "$folder/space"
git archive "$revision:deploy/space" | tar --extract --directory "$folder/space"

# Git asks this for the password, so that the token stands on no command line and in no file.
cat >"$folder/token" <<'END'
#!/bin/sh
printf '%s\n' "$SPACE_TOKEN"
END
chmod 700 "$folder/token"
export SPACE_TOKEN GIT_ASKPASS=$folder/token GIT_TERMINAL_PROMPT=0

cd "$folder/space"
git init --quiet --initial-branch=main
git add --all --force
git -c user.name=delivery -c user.email=delivery@localhost commit --quiet --message "$revision"
git push --quiet --force "https://${SPACE%/*}@huggingface.co/spaces/$SPACE" main
echo "$SPACE has $revision."
