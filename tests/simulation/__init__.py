"""The real engine on real SQLite, with a virtual clock, lossy systems, crashes and people: see docs/simulation.md."""
