"""Matches and contests between the policies of a league, without Ray."""
