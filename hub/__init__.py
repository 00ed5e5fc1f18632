"""Contact hub: one golden customer record from all the systems that hold a piece of it."""

__version__ = "0.1.0"
