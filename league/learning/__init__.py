"""The only place that imports RLlib."""
