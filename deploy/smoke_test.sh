#!/usr/bin/env bash
# Runs an image as it runs in production, with compose.yaml, a fresh database and secrets of its own;
# signs in, predicts, and takes everything down again.
#
#     deploy/smoke_test.sh IMAGE
set -euo pipefail
cd "$(dirname "$0")/.."

export ATTRITION_IMAGE=${1:?Name the image.}
PATIENCE=180 # seconds

folder=$(mktemp -d)
compose() {
    docker compose --project-name attrition-smoke-test --project-directory "$folder" \
        --file compose.yaml "$@"
}
finish() {
    local status=$?
    if ((status)) && ! compose logs --no-color --tail 200 >&2; then
        echo "What the containers said could not be read." >&2
    fi
    if ! compose down --volumes --remove-orphans; then
        echo "Not everything was taken down." >&2
        status=1
    fi
    rm -rf "$folder"
    exit "$status"
}
trap finish EXIT

# As docs/deployment.md says, in a folder of its own.
deploy/make_secrets.sh "$folder"
cp .env.example "$folder/.env"
cat >>"$folder/.env" <<'END'
ATTRITION_ENV=production
ALLOWED_HOSTS=127.0.0.1
SECURE_PROXY_SSL_HEADER=X-Forwarded-Proto
TRUSTED_PROXIES=1
END

SMOKE_USERNAME=smoke
SMOKE_PASSWORD=$(python3 -c 'import secrets; print(secrets.token_urlsafe(24))')
export SMOKE_USERNAME SMOKE_PASSWORD

compose run --rm migrate
compose up --detach --no-deps --wait --wait-timeout "$PATIENCE" web worker
compose exec --no-TTY worker python -m attrition_site.serve health worker
compose exec --no-TTY --env "DJANGO_SUPERUSER_PASSWORD=$SMOKE_PASSWORD" web \
    python manage.py createsuperuser --no-input --username "$SMOKE_USERNAME" --email smoke@example.org

address=$(compose port web 8000)
python3 deploy/smoke_test.py "http://127.0.0.1:${address##*:}"
