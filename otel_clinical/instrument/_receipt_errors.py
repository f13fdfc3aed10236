"""Why a receipt cannot be used."""


class ReceiptError(ValueError):
    """A receipt that cannot be used; the subclass says why. The text never holds the receipt."""


class MalformedReceiptError(ReceiptError):
    """Not a receipt at all."""


class UnknownVersionError(ReceiptError):
    """Of a version that a later release writes and this one cannot read."""


class TruncatedReceiptError(ReceiptError):
    """Part of the text is missing: the column that stored it was too short."""


class BadSignatureError(ReceiptError):
    """The text was altered after it was issued, or forged."""


class UnknownKeyError(ReceiptError):
    """Signed with a key this process does not have, or not signed where signing is required."""


class FutureReceiptError(ReceiptError):
    """Issued in the future by this host's clock."""


class ExpiredReceiptError(ReceiptError):
    """As old as the configured `max_age` or older; a year by default."""
