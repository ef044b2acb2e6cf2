"""The league on Kubernetes: manifests, and what `league k8s` does with them. Needs the extra `k8s`."""
