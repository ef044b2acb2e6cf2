"""A distributed self-play league on Ray."""
