"""A package of somebody else: a game on tensors, the same as an environment, bots and a network."""
