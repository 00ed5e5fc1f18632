"""The engine in a process of its own: runs use one core, while pages, intake and lookups have another.

`hub run` starts it and speaks to it over a socket that nobody else has. `asking` is its side, `process` the engine's.
"""
