"""How people and programs meet a league: the command line, the live panel, the exporter, the web page."""
