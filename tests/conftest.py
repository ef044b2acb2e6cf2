"""Shared by all tests: Ctrl-C reaches processes."""

import signal

# A shell has what it starts in the background ignore SIGINT, and so has whatever that starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
