"""Described services, each against its stand-in and the vendor's own description."""
