"""By what the parts of a league are found: labels, and what Ray's objects are called."""

from __future__ import annotations

from typing import Final

CLUSTER: Final = ("ray.io/v1", "RayCluster", "league")
"""Version of the API, kind and name."""
JOB: Final = ("ray.io/v1", "RayJob", "league")
SERVICE: Final = ("ray.io/v1", "RayService", "champion")

OURS: Final = "app.kubernetes.io/part-of=league"
"""All that belongs to a league."""
COMPONENT: Final = "app.kubernetes.io/component"
"""Label of a pod: what it is a part of."""

HEAD: Final = f"{COMPONENT}=training,ray.io/node-type=head"
SERVING_HEAD: Final = f"{COMPONENT}=serving,ray.io/node-type=head"
"""Ray Serve has a proxy there, which answers for its replicas."""
SERVING_WORKER: Final = f"{COMPONENT}=serving,ray.io/node-type=worker"
EXPORTER: Final = f"{COMPONENT}=exporter"
"""The pod in which the league is asked: it has the store's address and password, and needs no Ray."""
DASHBOARD: Final = f"{COMPONENT}=dashboard"
STORE: Final = f"{COMPONENT}=store"
GCS: Final = f"{COMPONENT}=gcs"

KUBERAY: Final = "kuberay-system"
"""Namespace of KubeRay's operator, unless told otherwise; policies let it in by that name."""
PROMETHEUS: Final = "monitoring"
"""Namespace of Prometheus, in the same way."""
