FROM python:3.13-slim AS build
WORKDIR /app
RUN python -m venv --without-pip /venv
COPY requirements/base.txt requirements/sentry.txt requirements/
# sentry, or nothing.
ARG FOAM_EXTRA=
# Wheels only: the image has no compiler, and a source build would have to be noticed.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python /venv/bin/python --disable-pip-version-check install \
    --only-binary :all: --require-hashes --requirement requirements/base.txt \
    ${FOAM_EXTRA:+--requirement requirements/$FOAM_EXTRA.txt}
COPY . .
# collectstatic loads the settings but opens no connection, so these values are used by nothing
# and stay in this stage.
RUN FOAM_BASE_URL=https://build.invalid ALLOWED_HOSTS=build.invalid \
    SECRET_KEY=build FOAM_ENCRYPTION_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    DATABASE_URL=postgres://build.invalid/build REDIS_URL=redis://build.invalid \
    /venv/bin/python manage.py collectstatic --noinput \
    && /venv/bin/python -m compileall -q accounts foam notifications reminders

FROM python:3.13-slim
LABEL org.opencontainers.image.title="FOAM" \
      org.opencontainers.image.description="A reminder backend that a team hosts itself" \
      org.opencontainers.image.licenses="MIT"
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 foam \
    && useradd --uid 10001 --gid foam --no-create-home --home-dir /nonexistent \
       --shell /usr/sbin/nologin foam
WORKDIR /app
# Owned by root: the process cannot change its own code.
COPY --from=build /venv /venv
COPY --from=build /app /app
USER 10001:10001
EXPOSE 8000
CMD ["./run.sh"]
