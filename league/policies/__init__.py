"""Masked actor-critic networks, their weights as bytes, and their export."""
