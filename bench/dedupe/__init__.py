"""Matching measured: made-up people with a known truth, the hub beside Splink, latency, order, and Spark."""
