"""Nightporter watches a home server's logs and tells its owner what matters."""
