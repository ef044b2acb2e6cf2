"""The champion, served over HTTP by Ray Serve. It follows promotions by itself.

`league serve` runs it; elsewhere `league.interfaces.serve:application` is the import path for Ray Serve's configuration.
"""

from league.interfaces.serve.application import Settings, application

__all__ = ["Settings", "application"]
