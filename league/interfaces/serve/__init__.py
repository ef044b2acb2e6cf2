"""The champion, served over HTTP by Ray Serve. It follows promotions by itself.

`league serve` runs it; `league.interfaces.serve:application` is the import path for a configuration of Ray Serve.
"""

from league.interfaces.serve.application import Settings, application

__all__ = ["Settings", "application"]
