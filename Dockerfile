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
# What changes least comes first, so that a change of the package downloads nothing anew, and is a small layer of its own: what it needs
# is installed with an empty package in its place.
COPY cluster/constraints.txt ./
RUN pip install --no-cache-dir --prefix=/install --constraint constraints.txt torch --index-url "${TORCH_INDEX}" \
      --extra-index-url https://pypi.org/simple
ENV PYTHONPATH=/install/lib/python3.11/site-packages
COPY pyproject.toml ./
RUN mkdir league dashboards \
    && touch README.md LICENSE league/__init__.py dashboards/__init__.py \
    && pip install --no-cache-dir --prefix=/install --constraint constraints.txt '.[cluster,serve,dashboard,k8s,classic,onnx]' \
    && pip uninstall --yes selfplay-league
COPY README.md LICENSE ./
COPY league league
COPY dashboards dashboards
RUN pip install --no-cache-dir --prefix=/package --constraint constraints.txt --no-deps .

FROM python:3.11.14-slim-bookworm
# Another version of setuptools is among ours, and two do not lie in one folder. Debian's packages: what `ray up` copies files with; what
# Ray reaches workers by, from the head's container; and names for users whom the image does not know. Debian keeps one version of a
# package at a time, so the release is the pin.
# hadolint ignore=DL3008
RUN pip uninstall --yes setuptools \
    && apt-get update \
    && apt-get install --yes --no-install-recommends libnss-extrausers openssh-client rsync \
    && rm -rf /var/lib/apt/lists/* \
    && sed -i 's/^passwd:.*/& extrausers/' /etc/nsswitch.conf \
    && useradd --uid 1000 --gid 0 --create-home --shell /bin/bash league \
    && install --directory --owner=league --group=0 --mode=770 /data /home/league \
    && install --group=0 --mode=664 /dev/null /var/lib/extrausers/passwd
# Ray logs into the container with a login shell, whose PATH has /usr/local/bin but no virtual environment.
COPY --from=build /install /usr/local
COPY --from=build /package /usr/local
COPY cluster/entrypoint.sh cluster/node.sh cluster/redis.sh cluster/services.conf /usr/local/lib/league/
RUN ln -s ../lib/league/node.sh /usr/local/bin/league-node \
    && ln -s ../lib/league/redis.sh /usr/local/bin/league-redis
# Ray takes the home of a container from here, and from nowhere else. Any user may run the image, in group 0: Ray's nodes have the
# uid of whoever logs into them, OpenShift's pods one of their project.
# What environments print must not fill the disk: each process of Ray keeps its last 48 MB.
ENV HOME=/home/league USER=league PYTHONUNBUFFERED=1 RAY_USAGE_STATS_ENABLED=0 \
    RAY_ROTATION_MAX_BYTES=16777216 RAY_ROTATION_BACKUP_COUNT=2
USER 1000:0
WORKDIR /home/league
VOLUME /data
ENTRYPOINT ["/usr/local/lib/league/entrypoint.sh"]
CMD ["league", "--help"]
