"""The pure core: scanner, predicates, windows, engine. No I/O, no clock, no event loop."""
