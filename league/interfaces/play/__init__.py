"""A person against a policy: one game as it is played, and the page in a browser."""
