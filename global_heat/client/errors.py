"""What a call that failed tells: the code, the reason, every fault with its place."""

from __future__ import annotations

from typing import Any

import grpc
import msgspec
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, PreconditionFailure, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status

_DETAILS_KEY = "grpc-status-details-bin"


class Violation(msgspec.Struct, frozen=True):
    """One fault: where (a path in template or request, or empty), what, and a word for programs."""

    path: str
    message: str
    reason: str = ""


class ApiError(Exception):
    """A call failed. `code` is the gRPC code's name (`NOT_FOUND`), `reason` the ErrorInfo's."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        reason: str = "",
        violations: tuple[Violation, ...] = (),
        metadata: dict[str, str] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        self.violations = violations
        self.metadata = metadata or {}
        self.retry_after_seconds = retry_after_seconds

    @classmethod
    def of_call(cls, error: grpc.aio.AioRpcError) -> ApiError:
        trailing: Any = error.trailing_metadata() or ()
        found = next((value for key, value in trailing if key == _DETAILS_KEY), None)
        status = Status()
        if isinstance(found, bytes):
            try:
                status.ParseFromString(found)
            except DecodeError:
                status.Clear()
        status.message = status.message or error.details() or ""
        return cls.of_status(status, error.code().name)

    @classmethod
    def of_status(cls, status: Status, code: str = "") -> ApiError:
        """Also for the error that a failed operation holds."""
        names = {each.value[0]: each.name for each in grpc.StatusCode}
        info, bad, unmet, quota, retry = (
            ErrorInfo(),
            BadRequest(),
            PreconditionFailure(),
            QuotaFailure(),
            RetryInfo(),
        )
        for detail in status.details:
            for message in (info, bad, unmet, quota, retry):
                if detail.Is(message.DESCRIPTOR):
                    detail.Unpack(message)
        violations = [Violation(each.field, each.description, each.reason) for each in bad.field_violations]
        violations += [
            Violation(each.subject, each.description, each.type)
            for each in unmet.violations
            if each.subject or each.description != status.message
        ]
        violations += [Violation(each.subject, each.description) for each in quota.violations]
        return cls(
            code or names.get(status.code, "UNKNOWN"),
            status.message,
            reason=info.reason,
            violations=tuple(violations),
            metadata=dict(info.metadata),
            retry_after_seconds=retry.retry_delay.ToNanoseconds() / 1e9
            if retry.HasField("retry_delay")
            else None,
        )

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {each.path}: {each.message}" for each in self.violations)])
