# One image for `ray up` and for Kubernetes: this package and Ray, as a user without rights, with torch for CPUs; or for CUDA,
# as PyPI's torch is on Linux.
#
#     docker build -t registry.example/league:0.1.0 .
#     docker build -t registry.example/league-gpu:0.1.0 --build-arg TORCH_INDEX=https://pypi.org/simple .
#
# Ray and Python must be those of whoever connects to the cluster. Packages have the versions of cluster/constraints.txt, those
# that the tests ran with; the base image is pinned by its tag, which Debian's security updates may move.
FROM python:3.11.14-slim-bookworm AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /build
# What changes least comes first, so that a change of the package downloads nothing anew.
COPY cluster/constraints.txt ./
RUN pip install --no-cache-dir --prefix=/install --constraint constraints.txt torch --index-url "${TORCH_INDEX}" \
      --extra-index-url https://pypi.org/simple
ENV PYTHONPATH=/install/lib/python3.11/site-packages
COPY pyproject.toml README.md LICENSE ./
COPY league league
COPY dashboards dashboards
RUN pip install --no-cache-dir --prefix=/install --constraint constraints.txt '.[cluster,serve,k8s,classic,onnx]'

FROM python:3.11.14-slim-bookworm
# Another version of it is among ours, and two do not lie in one folder.
RUN pip uninstall --yes setuptools
# Ray logs into the container with a login shell, whose PATH has /usr/local/bin but no virtual environment.
COPY --from=build /install /usr/local
COPY cluster/redis.sh /usr/local/bin/league-redis
COPY cluster/node.sh /usr/local/bin/league-node
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
