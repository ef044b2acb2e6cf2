"""`python -m league`: the command where the environment's programs are not on the path, as in a notebook."""

from league.interfaces.cli import main

if __name__ == "__main__":  # Not in a process that is spawned: it imports this again.
    main()
