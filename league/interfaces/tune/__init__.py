"""Better configurations, found by Ray Tune: trials are whole leagues, judged by the fixed bots."""
