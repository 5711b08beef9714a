"""Who is suspicious, and how many: pure functions from a trace to one table of scores."""
