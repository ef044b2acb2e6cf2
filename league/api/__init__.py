"""The Python API: an opened league, and its policies. The commands are written with it; `league.open` is the way in."""
