# Pinned by version; add @sha256:… of your registry's image where images must not change under you.
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# What changes seldom first: the libraries stay cached while the code changes.
COPY requirements.lock ./
RUN python -m venv /opt/core-alerts && /opt/core-alerts/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY pipeline pipeline
COPY agents agents
COPY tables tables
COPY models models
# --no-deps: every library is in the lock, and none may come in beside it.
RUN /opt/core-alerts/bin/pip install --no-deps --no-build-isolation .

FROM ${PYTHON}
RUN useradd --system --uid 10001 --create-home core-alerts \
    && install --directory --owner=core-alerts --group=core-alerts /var/lib/core-alerts
COPY --from=build /opt/core-alerts /opt/core-alerts
ENV PATH=/opt/core-alerts/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CORE_ALERTS_DATA_DIR=/var/lib/core-alerts
USER core-alerts
WORKDIR /var/lib/core-alerts
VOLUME /var/lib/core-alerts
EXPOSE 6066
# A worker that restores its state from Kafka is alive; /livez says so from the first seconds on.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:6066/livez', timeout=4)"]
ENTRYPOINT ["core-alerts"]
CMD ["worker"]
