"""Why client and replica do not come together: gRPC has no code for it, only what its core says."""

from __future__ import annotations

TLS_MISMATCH = "TLS_MISMATCH"
"""The reason of an error that no further attempt at the same endpoint can change."""
_CERTAIN = {
    "CERTIFICATE_VERIFY_FAILED": "it shows a certificate that none of the authorities signed which we trust",
    "Hostname Verification Check failed": "the certificate that it shows is not one for this name",
    "WRONG_VERSION_NUMBER": "it does not speak TLS: plain text is http://HOST:PORT",
    "Failed to create security handshaker": "our certificates and key are no PEM that fits together",
}
_HUNG_UP = "Socket closed"


def mismatch(target: str, details: str) -> str | None:
    """In words why `target` and we cannot talk; None: that is not it."""
    for sign, words in _CERTAIN.items():
        if sign in details:
            return f"{target} cannot be talked to: {words}"
    return None


def in_words(target: str, details: str) -> str:
    """What is said of an attempt that may go better next time."""
    if "failed to connect" in details and _HUNG_UP in details:
        return f"{target} hung up at once: it may want TLS (https://HOST:PORT), or a certificate of ours"
    return details
