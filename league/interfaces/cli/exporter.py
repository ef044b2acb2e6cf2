"""`league exporter`: the league's metrics for Prometheus."""

from __future__ import annotations

import threading

from league.interfaces.cli import options
from league.listening import origin
from league.signals import interrupts


def exporter(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    host: options.HostOption = "127.0.0.1",
    port: options.PortOption = 9464,
) -> None:
    """Serve Prometheus metrics until Ctrl-C. A store that is down shows as league_store_up 0."""
    from league.interfaces.exporter.collector import LeagueCollector
    from league.interfaces.exporter.server import serve

    collector = LeagueCollector(store, league)
    with interrupts(patient=True) as stop:
        server = serve(collector, host, port)
        # The first look at a large store takes seconds: take it before Prometheus does.
        threading.Thread(target=collector.collect, daemon=True).start()
        print(f"{origin(host, server.server_port)}/metrics", flush=True)
        stop.wait()
        server.shutdown()
        server.server_close()
        collector.close()
