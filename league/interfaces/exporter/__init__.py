"""Prometheus metrics: what is declared, what each says of a league now, and the collector that is scraped."""
