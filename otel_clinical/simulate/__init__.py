"""Simulate a 12-hospital system, and run the real programs around it."""
