"""TOML files that `--preset` names."""
