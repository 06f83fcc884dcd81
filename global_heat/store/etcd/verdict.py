"""What a failed call proves. The only place that reads etcd's and gRPC's messages."""

from __future__ import annotations

import enum

import grpc


class Verdict(enum.Enum):
    UNKNOWN = "it may have been carried out"
    UNSENT = "it never left: there is no connection"
    LEADERLESS = "this member refused it before it began: it has no leader, or is too busy"
    LOGIN = "refused: the token is missing, too old or unknown"
    FULL = "refused: the database is full"
    COMPACTED = "refused: the revision is gone from the history"
    FUTURE = "refused: this member has not come to that revision yet"
    NO_LEASE = "refused: the lease is gone"
    FORBIDDEN = "refused: this user may not"
    PASSWORD = "refused: wrong user or password, or the cluster knows none"
    INVALID = "refused: the request itself is wrong"


_UNSENT = ("failed to connect to", "connections to all backends failing", "DNS resolution failed")
_TOKEN = ("invalid auth token", "revision of auth store is old", "user name is empty")
_PASSWORD = ("authentication failed", "authentication is not enabled")
_LEADERLESS = ("etcdserver: no leader", "etcdserver: too many requests", "rpc not supported for learner")
_BY_TEXT = (
    (Verdict.LEADERLESS, _LEADERLESS),
    (Verdict.LOGIN, _TOKEN),
    (Verdict.PASSWORD, _PASSWORD),
    (Verdict.FULL, ("database space exceeded",)),
    (Verdict.COMPACTED, ("required revision has been compacted",)),
    (Verdict.FUTURE, ("required revision is a future revision",)),
    (Verdict.NO_LEASE, ("requested lease not found",)),
    (Verdict.FORBIDDEN, ("permission denied",)),
    # The server's words on a request; what we receive has no limit.
    (Verdict.INVALID, ("grpc: received message larger than max",)),
)
_BY_CODE = {
    grpc.StatusCode.PERMISSION_DENIED: Verdict.FORBIDDEN,
    grpc.StatusCode.UNAUTHENTICATED: Verdict.LOGIN,
    grpc.StatusCode.INVALID_ARGUMENT: Verdict.INVALID,
    grpc.StatusCode.FAILED_PRECONDITION: Verdict.INVALID,
    grpc.StatusCode.UNIMPLEMENTED: Verdict.INVALID,
}


class CallFailed(Exception):
    """A call without the wished answer: what that proves, and what was said."""

    def __init__(self, verdict: Verdict, details: str) -> None:
        super().__init__(f"{verdict.value} ({details})" if details else verdict.value)
        self.verdict = verdict


def verdict(code: grpc.StatusCode, details: str) -> Verdict:
    """Judge a failed call. Whatever is not known to prove that nothing happened is UNKNOWN."""
    if code is grpc.StatusCode.UNAVAILABLE and details.startswith(_UNSENT):
        return Verdict.UNSENT
    judged = verdict_of_text(details)
    return _BY_CODE.get(code, Verdict.UNKNOWN) if judged is Verdict.UNKNOWN else judged


def verdict_of_text(details: str) -> Verdict:
    """Judge by etcd's words alone, as in the reason for which it cancels a watch."""
    for judged, texts in _BY_TEXT:
        if any(text in details for text in texts):
            return judged
    return Verdict.UNKNOWN
