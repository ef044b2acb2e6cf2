"""What people see of a league, made once for every interface. Imports neither Ray nor torch."""
