# The product as one image. What a container of it does is said by its command:
#
#     python -m attrition_site.serve web|worker|migrate      (compose.yaml runs one of each)
#     python manage.py …                                     (anything else)
#
# It needs nothing of its root file system to be writable, and no user but 1000.

ARG PYTHON=python:3.13.15-slim-trixie

# ------------------------------------------------------------------ what is built, and left behind
FROM ${PYTHON} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

# Wheels alone: nothing of a dependency runs before its hash was compared. The environment has no
# pip of its own, and so has the image.
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv/bin/python install --no-compile \
        --only-binary :all: --require-hashes --requirement requirements.txt

WORKDIR /app
COPY manage.py ./
COPY accounts accounts
COPY attrition_site attrition_site
COPY mlcore mlcore
COPY predictions predictions
COPY locale locale
COPY templates templates
COPY static static

# Styles and scripts are named by their content and compressed. The key that the settings ask for
# is made for this command and is kept nowhere.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
    ATTRITION_ENV=production ALLOWED_HOSTS=build.invalid DATABASE_URL=sqlite:////tmp/none.sqlite3 \
    VAR_DIR=/tmp/var STATIC_ROOT=/app/staticfiles PYTHONDONTWRITEBYTECODE=1 \
    /opt/venv/bin/python manage.py collectstatic --no-input --verbosity 0

# Compiled here, as nobody may write there later; without a look at the sources' dates, which a
# copy changes.
RUN /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        /opt/venv/lib /app

# ------------------------------------------------------------------ what runs
FROM ${PYTHON} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Attrition" \
      org.opencontainers.image.description="See who may leave, why, and what can be done about it" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# pg_dump and pg_restore, of the major version that compose.yaml serves: they refuse a newer server.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends "postgresql-client-17=17.*" \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 1000 attrition \
    && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin attrition \
    && install --directory --owner 1000 --group 1000 --mode 700 /var/lib/attrition

COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /app /app

# HOME is a place that can be written to: some libraries look for one.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ATTRITION_ENV=production \
    STATIC_ROOT=/app/staticfiles \
    VAR_DIR=/var/lib/attrition \
    HOST=0.0.0.0 \
    PORT=8000

WORKDIR /app
USER 1000:1000
EXPOSE 8000
# Whether this process lives. Whether its database does is asked at /health/ready, by who sends
# requests here: to start this again would not bring a database back.
HEALTHCHECK --interval=15s --timeout=8s --start-period=30s --start-interval=1s --retries=3 \
    CMD ["python", "-m", "attrition_site.serve", "health", "live"]
CMD ["python", "-m", "attrition_site.serve", "web"]
