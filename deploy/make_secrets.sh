#!/usr/bin/env bash
# Makes the secrets that compose.yaml hands to its containers, each in a file of its own.
#
#     deploy/make_secrets.sh [FOLDER]     FOLDER is that of compose.yaml, unless it is named: this one
#
# A secret that is there stays: the database knows its password, and sessions are signed with the key.
set -euo pipefail

folder=${1:-.}/secrets
mkdir -p "$folder"
# Nobody but its owner comes into the folder. The files themselves can be read by any user, as those
# of the containers have no name here.
chmod 700 "$folder"
for name in secret_key database_password postgres_password; do
    if [[ ! -s $folder/$name ]]; then
        od -An -tx1 -N32 -v /dev/urandom | tr -d ' \n' >"$folder/$name"
        echo >>"$folder/$name"
        chmod 444 "$folder/$name"
        echo "New: $folder/$name"
    fi
done
