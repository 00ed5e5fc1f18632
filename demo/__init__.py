"""Real systems on one machine, filled with made-up people, for `make demo` and the connector tests."""
