"""As the tests of the API: coroutine tests, and a world for each."""

from tests.unit.api.conftest import pytest_pyfunc_call, world

__all__ = ["pytest_pyfunc_call", "world"]
