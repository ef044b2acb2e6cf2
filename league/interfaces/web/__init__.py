"""The web page of a league: read from the store, live, and the one place in a browser where a champion is chosen."""
