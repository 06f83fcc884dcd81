"""Errors to google.rpc.Status and back to what a client does next.

Only UNAVAILABLE is worth sending again as it is; a mutation then carries the same request id, so that it
happens once. What is none of our errors becomes INTERNAL with a number for the log and nothing else: its
text may hold secrets.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

import grpc
import structlog
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, PreconditionFailure, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status

from global_heat.model.errors import Ambiguous, Error, Fault, Fenced, Invalid, Reason, Transient
from global_heat.store.protocol import Compacted

DOMAIN = "globalheat"
DETAILS_KEY = "grpc-status-details-bin"
RETRY_SECONDS = 1.0
MESSAGE_CHARACTERS_MAX = 1024
VIOLATIONS_BYTES_MAX = 5000
"""Clients refuse trailing metadata above 8 KiB; message and details travel there, the message twice."""

log = structlog.get_logger(__name__)

_CODES: Mapping[Reason, grpc.StatusCode] = {
    Reason.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.BUSY: grpc.StatusCode.ABORTED,
    Reason.PRECONDITION: grpc.StatusCode.FAILED_PRECONDITION,
    # AIP-154: an etag that does not match.
    Reason.MISMATCH: grpc.StatusCode.ABORTED,
    Reason.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    Reason.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
}


def status_of(error: Exception) -> Status:
    """What a client is told of an error."""
    match error:
        case Invalid():
            return _status(_CODES[error.reason], _message_of(error), *_details_of(error))
        case Transient():
            seconds = RETRY_SECONDS if error.retry_after_seconds is None else error.retry_after_seconds
            return _status(
                grpc.StatusCode.UNAVAILABLE, str(error), _info("TRANSIENT", {}), _retry_after(seconds)
            )
        case Ambiguous():
            # AIP-155 makes sending it again safe, so it may be retried like anything that is unavailable.
            return _status(
                grpc.StatusCode.UNAVAILABLE,
                f"{error}; it may or may not have been done: the same request with the same request_id"
                " is safe and tells",
                _info("AMBIGUOUS", {}),
                _retry_after(RETRY_SECONDS),
            )
        case Fenced():
            return _status(
                grpc.StatusCode.UNAVAILABLE, str(error), _info("FENCED", {}), _retry_after(RETRY_SECONDS)
            )
        case Compacted():
            return _status(
                grpc.StatusCode.OUT_OF_RANGE,
                "the resume token is too old: watch again without one",
                _info("RESUME_TOKEN_EXPIRED", {}),
            )
        case TimeoutError():
            return _status(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                "the time for this call is up; a mutation may have been done: the same request with the same"
                " request_id is safe and tells",
                _info("DEADLINE", {}),
            )
        case _:
            return _internal(error)


def trailing_metadata(status: Status) -> tuple[tuple[str, bytes], ...]:
    """The status as gRPC carries it beside code and message."""
    return ((DETAILS_KEY, status.SerializeToString()),)


def code_of(status: Status) -> grpc.StatusCode:
    return next(code for code in grpc.StatusCode if code.value[0] == status.code)


def failure(message: str) -> Status:
    """How an operation failed: the cloud's or the stack's fault, found after it was accepted."""
    return _status(grpc.StatusCode.ABORTED, message, _info("OPERATION_FAILED", {}))


def _message_of(error: Invalid) -> str:
    left_out = len(error.faults) - len(_told(error.faults))
    more = f" ({len(error.faults)} faults, the first {len(error.faults) - left_out} are told)"
    return error.message + (more if left_out else "")


def _told(faults: Sequence[Fault]) -> list[Fault]:
    """As many faults as an answer has room for."""
    told: list[Fault] = []
    room = VIOLATIONS_BYTES_MAX
    for fault in faults:
        room -= len(f"{fault.path}{fault.message}{fault.reason}".encode()) + 16
        if room < 0 and told:
            break
        told.append(fault)
    return told


def _details_of(error: Invalid) -> list[Message]:
    reason = "ETAG_MISMATCH" if error.reason is Reason.MISMATCH else str(error.reason)
    info, faults = _info(reason, error.metadata), _told(error.faults)
    match error.reason:
        case Reason.INVALID if faults:
            return [info, BadRequest(field_violations=[_bad_field(fault) for fault in faults])]
        case Reason.EXHAUSTED:
            exceeded = [QuotaFailure.Violation(subject=f.path, description=f.message) for f in faults]
            return [info, QuotaFailure(violations=exceeded)]
        case Reason.PRECONDITION:
            unmet = [_unmet(fault) for fault in faults or [Fault("", error.message, "PRECONDITION")]]
            return [info, PreconditionFailure(violations=unmet)]
        case _:
            return [info]


def _bad_field(fault: Fault) -> BadRequest.FieldViolation:
    message = fault.message[:MESSAGE_CHARACTERS_MAX]
    return BadRequest.FieldViolation(field=fault.path, description=message, reason=fault.reason)


def _unmet(fault: Fault) -> PreconditionFailure.Violation:
    message = fault.message[:MESSAGE_CHARACTERS_MAX]
    return PreconditionFailure.Violation(type=fault.reason, subject=fault.path, description=message)


def _internal(error: Exception) -> Status:
    number = secrets.token_hex(4)
    kind = "an error of ours outside its seam" if isinstance(error, Error) else "unexpected"
    log.error("call failed", number=number, kind=kind, error=type(error).__name__, exc_info=error)
    return _status(
        grpc.StatusCode.INTERNAL,
        f"an error inside Global Heat; its log has it under {number}",
        _info("INTERNAL", {"number": number}),
    )


def _info(reason: str, metadata: Mapping[str, str]) -> ErrorInfo:
    return ErrorInfo(reason=reason, domain=DOMAIN, metadata=dict(metadata))


def _retry_after(seconds: float) -> RetryInfo:
    delay = Duration()
    delay.FromMilliseconds(int(seconds * 1000))
    return RetryInfo(retry_delay=delay)


def _status(code: grpc.StatusCode, message: str, *details: Message) -> Status:
    status = Status(code=code.value[0], message=message[:MESSAGE_CHARACTERS_MAX])
    for detail in details:
        status.details.add().Pack(detail)
    return status
