"""A member of our own making before a real one: it speaks etcd's API and can be behind, or old."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from global_heat.store.etcd.endpoint import RANGE, STATUS, Endpoint
from global_heat.store.etcd.settings import Settings
from global_heat.store.etcd.wire import rpc_pb2 as wire

Context = grpc.aio.ServicerContext[Any, Any]


class LaggingMember:
    """Has come to `revision` only, until a linearizable read makes it ask the real member behind it."""

    def __init__(self, real: str, *, revision: int = 0, version: str = "3.5.16") -> None:
        self._real = real
        self._revision = revision
        self._version = version
        self.linearizable_reads = 0

    async def __aenter__(self) -> LaggingMember:
        self._endpoint = Endpoint(self._real, Settings((self._real,)))
        self._server = grpc.aio.server()
        for method, handler, request in (
            (RANGE, self._range, wire.RangeRequest),
            (STATUS, self._status, wire.StatusRequest),
        ):
            service, _, name = method.path[1:].partition("/")
            handlers = {
                name: grpc.unary_unary_rpc_method_handler(
                    handler,
                    request_deserializer=request.FromString,
                    response_serializer=lambda answer: answer.SerializeToString(),
                )
            }
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop(None)
        await self._endpoint.close()

    async def _range(self, request: wire.RangeRequest, context: Context) -> wire.RangeResponse:
        if not request.serializable:
            self.linearizable_reads += 1
            return await self._endpoint.call(RANGE, request, 5, ())
        if request.revision > self._revision:
            details = "etcdserver: mvcc: required revision is a future revision"
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, details)
        request.revision = request.revision or self._revision
        answer = await self._endpoint.call(RANGE, request, 5, ())
        answer.header.revision = self._revision
        return answer

    async def _status(self, request: wire.StatusRequest, context: Context) -> wire.StatusResponse:
        answer = await self._endpoint.call(STATUS, request, 5, ())
        answer.version = self._version
        return answer
