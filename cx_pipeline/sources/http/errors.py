"""What can go wrong with a service.  Every text is one line: what, where, what to do; it holds no secret."""

from __future__ import annotations


class ServiceError(Exception):
    """A service did not give what it should.  `stops_source`: its other streams need not be tried."""

    stops_source = False


class CredentialMissing(ServiceError):
    """No credential is set."""

    stops_source = True


class CredentialRefused(ServiceError):
    """The service does not know the credential, or no longer (401)."""

    stops_source = True


class ScopeMissing(ServiceError):
    """The credential is known but may not read this (403)."""


class NotFound(ServiceError):
    """There is no such thing at the service (404, 410)."""


class Refused(ServiceError):
    """The service refuses the request itself (another 4xx)."""


class Unreachable(ServiceError):
    """Time-outs, refusals or errors of the service went on for too long."""

    stops_source = True


class BrokenAnswer(ServiceError):
    """The answer is not what the service documents."""
