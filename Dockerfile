# One image for `ray up` and for Kubernetes: this package and Ray, as a user without rights, with torch for CPUs.
#
#     docker build -t registry.example/league:0.1.0 .
#     docker build -t registry.example/league-gpu:0.1.0 --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 .
#
# Ray and Python must be those of whoever connects to the cluster; tests hold RAY_VERSION against what is installed.
FROM python:3.11.14-slim-bookworm AS build
ARG RAY_VERSION=2.60.0
ARG TORCH_VERSION=2.9.1
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /build
# What changes least comes first, so that a change of the package downloads nothing anew.
RUN pip install --no-cache-dir --prefix=/install "torch==${TORCH_VERSION}" --index-url "${TORCH_INDEX}" \
      --extra-index-url https://pypi.org/simple
ENV PYTHONPATH=/install/lib/python3.11/site-packages
COPY pyproject.toml README.md LICENSE ./
COPY league league
RUN pip install --no-cache-dir --prefix=/install "ray==${RAY_VERSION}" '.[cluster,onnx]'

FROM python:3.11.14-slim-bookworm
# Ray logs into the container with a login shell, whose PATH has /usr/local/bin but no virtual environment.
COPY --from=build /install /usr/local
COPY cluster/redis.sh /usr/local/bin/league-redis
# What `ray up` copies files with. Debian keeps one version of a package at a time, so the release is the pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends rsync \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home --shell /bin/bash league \
    && install --directory --owner=league --group=league --mode=700 /data
ENV PYTHONUNBUFFERED=1 RAY_USAGE_STATS_ENABLED=0
USER 1000:1000
WORKDIR /home/league
VOLUME /data
CMD ["league", "--help"]
