"""Observability for clinical AI: decorate an inference, report what became of it.

    from otel_clinical import inference, record_outcome

Names load on first use, so that a command or a library that needs only the vocabulary pays for no more.
"""

from ._version import __version__

__all__ = ["__version__"]
