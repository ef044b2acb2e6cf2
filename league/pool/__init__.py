"""The opponent pool in Redis: the only state of a league that matters. `league.pool.store.Store` is its door."""
