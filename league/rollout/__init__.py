"""Playing: trajectories for training, and matches between frozen policies."""
