"""The gate every call passes: who calls, may they, how long may it take; and what they are told of errors."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import grpc
import structlog

from global_heat.api.auth import Call, TokenChecker, begin, tokens_of
from global_heat.api.policy import OPEN_PREFIXES, Policy
from global_heat.api.status import code_of, status_of, trailing_metadata
from global_heat.model.errors import Invalid, Reason

log = structlog.get_logger()
Handler = Any
"""grpc.RpcMethodHandler"""
Context = Any
"""grpc.aio.ServicerContext"""


class Gate(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """`call_seconds_max`: for a call without a deadline of its own. `clock`: unix seconds."""

    def __init__(
        self,
        tokens: TokenChecker,
        policy: Policy,
        clock: Callable[[], float],
        call_seconds_max: float = 60.0,
        streams_max: int = 64,
    ) -> None:
        self._tokens = tokens
        self._policy = policy
        self._clock = clock
        self._call_seconds_max = call_seconds_max
        self._streams_max = streams_max
        self._streams: Counter[str] = Counter()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        if handler is None or method.startswith(OPEN_PREFIXES):
            return handler
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(method, handler.unary_unary),
                handler.request_deserializer,
                handler.response_serializer,
            )
        assert handler.unary_stream is not None, method
        return grpc.unary_stream_rpc_method_handler(
            self._stream(method, handler.unary_stream),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _unary(self, method: str, inner: Any) -> Any:
        async def answer(request: Any, context: Context) -> Any:
            try:
                async with asyncio.timeout(self._seconds(context)):
                    await self._admit(method, context)
                    return await inner(request, context)
            except Exception as error:
                await refuse(context, error)

        return answer

    def _stream(self, method: str, inner: Any) -> Any:
        async def answer(request: Any, context: Context) -> AsyncIterator[Any]:
            try:
                async with asyncio.timeout(self._call_seconds_max):
                    call = await self._admit(method, context)
                with self._one_stream(call.who.project):
                    async with aclosing(inner(request, context)) as items:
                        async for item in self._while_valid(call, items):
                            yield item
            except Exception as error:
                await refuse(context, error)

        return answer

    async def _admit(self, method: str, context: Context) -> Call:
        tokens = tokens_of(context.invocation_metadata() or ())
        who = await self._tokens.check(tokens.home)
        if who.expires_at <= self._clock():
            raise Invalid("the token has expired", reason=Reason.UNAUTHENTICATED)
        self._policy.require(method, who)
        call = Call(who, tokens)
        begin(call)
        return call

    async def _while_valid(self, call: Call, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """A stream lives no longer than the token that opened it."""
        while True:
            try:
                async with asyncio.timeout(max(0.0, call.who.expires_at - self._clock())) as limit:
                    item = await anext(items)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if not limit.expired():
                    raise
                raise Invalid(
                    "the token has expired: go on from the last resume token with a new one",
                    reason=Reason.UNAUTHENTICATED,
                ) from None
            yield item

    @contextmanager
    def _one_stream(self, project: str) -> Iterator[None]:
        if self._streams[project] >= self._streams_max:
            raise Invalid(
                f"the project has {self._streams_max} streams open at this replica already",
                reason=Reason.EXHAUSTED,
            )
        self._streams[project] += 1
        try:
            yield
        finally:
            self._streams[project] -= 1
            if not self._streams[project]:
                del self._streams[project]

    def _seconds(self, context: Context) -> float:
        remaining = context.time_remaining()
        return self._call_seconds_max if remaining is None else max(0.0, remaining)


async def refuse(context: Context, error: Exception) -> None:
    """End the call with what the error says."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    status = status_of(error)
    try:
        await context.abort(code_of(status), status.message, trailing_metadata(status))
    except grpc.aio.InternalError:
        log.debug("nobody waits for the answer any more", code=code_of(status).name)
