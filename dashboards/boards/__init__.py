"""The Grafana dashboards, one module each; `python dashboards/generate.py` writes them to `dashboards/grafana/`."""
