"""Streaming detection of degradation: a pure kernel, its detectors, and the processes that run it."""
