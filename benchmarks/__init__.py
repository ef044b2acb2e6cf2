"""What we claim, as commands that print it: `python -m benchmarks.NAME`.

Where there is a peer, it runs in the same run on the same machine, turn about with ours. Every command takes `--json`;
those with a floor to hold take `--check`, which makes falling below it exit status 1.
"""
