"""The one error of this room; it stops a night and never carries a secret."""


class PrivacyError(Exception):
    """Identities cannot be keyed safely; the text says why and what to do."""
