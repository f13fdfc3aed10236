"""The one error of this package."""


class AccessError(ValueError):
    """A token file, an address or a certificate cannot be used; the message says what to change."""
