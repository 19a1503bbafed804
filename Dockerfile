# One image for all processes; the chart says which one runs: simulation-operator, -scheduler, -worker or -migrate.
#   docker build --tag registry.example/simulation-operator:0.1.0 .
# Any base with Python 3.11 or newer as python3, its venv module and glibc will do. No BuildKit needed.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/build && python3 -m venv /opt/simulation
COPY requirements/build.txt requirements/image.txt /requirements/
# Everything as wheels, made with the pinned build tools; what has none of its own (crontab) is plain Python, so no compiler is needed here either.
RUN /opt/build/bin/pip install --require-hashes --only-binary :all: -r /requirements/build.txt \
 && /opt/build/bin/pip wheel --require-hashes --no-build-isolation --wheel-dir /wheels -r /requirements/image.txt
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY operator operator
COPY worker worker
COPY cli cli
COPY sandbox sandbox
COPY migrations migrations
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/simulation/bin/pip install --no-deps --no-index /wheels/*.whl \
 && /opt/simulation/bin/pip check \
 && /opt/simulation/bin/python -m pip uninstall --yes setuptools pip

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="simulation-operator" \
      org.opencontainers.image.description="Turns Simulation manifests into HubSpot records that appear at exactly the planned moments" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=builder /opt/simulation /opt/simulation
# A name for the uid: libraries ask for it. The root file system is read-only and /tmp an empty volume, hence no bytecode and HOME there.
RUN echo "simulation:x:65532:65532:simulation:/tmp:/usr/sbin/nologin" >> /etc/passwd \
 && echo "simulation:x:65532:" >> /etc/group
ENV PATH=/opt/simulation/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 65532:65532
CMD ["simulation-operator"]
