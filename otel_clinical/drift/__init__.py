"""Streaming detection of degradation: requests read into columns, a pure kernel, its detectors, and what runs them."""
