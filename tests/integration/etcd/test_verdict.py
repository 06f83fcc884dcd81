"""What a failed call proves, and other pure parts."""

from __future__ import annotations

import grpc
import pytest

from global_heat.model.errors import Invalid
from global_heat.store.etcd.client import PAGE_KEYS_MAX, page_keys, range_end
from global_heat.store.etcd.settings import Password, Settings, Tls
from global_heat.store.etcd.verdict import Verdict, verdict
from global_heat.store.etcd.version import MINIMUM, Version, parse_version

Code = grpc.StatusCode


@pytest.mark.parametrize(
    ("code", "details", "judged"),
    [
        (Code.UNAVAILABLE, "failed to connect to all addresses; last error: refused", Verdict.UNSENT),
        (Code.UNAVAILABLE, "DNS resolution failed for nowhere:1", Verdict.UNSENT),
        (Code.UNAVAILABLE, "Socket closed", Verdict.UNKNOWN),
        (Code.UNAVAILABLE, "recvmsg:Connection reset by peer", Verdict.UNKNOWN),
        (Code.UNAVAILABLE, "etcdserver: request timed out", Verdict.UNKNOWN),
        (Code.UNAVAILABLE, "etcdserver: leader changed", Verdict.UNKNOWN),
        (Code.UNAVAILABLE, "etcdserver: server stopped", Verdict.UNKNOWN),
        (Code.UNAVAILABLE, "etcdserver: no leader", Verdict.LEADERLESS),
        (Code.RESOURCE_EXHAUSTED, "etcdserver: too many requests", Verdict.LEADERLESS),
        (Code.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", Verdict.FULL),
        (Code.DEADLINE_EXCEEDED, "Deadline Exceeded", Verdict.UNKNOWN),
        (Code.CANCELLED, "", Verdict.UNKNOWN),
        (Code.INTERNAL, "", Verdict.UNKNOWN),
        (Code.UNKNOWN, "raft proposal dropped", Verdict.UNKNOWN),
        (Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted", Verdict.COMPACTED),
        (Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision", Verdict.FUTURE),
        (Code.NOT_FOUND, "etcdserver: requested lease not found", Verdict.NO_LEASE),
        (Code.UNAUTHENTICATED, "etcdserver: invalid auth token", Verdict.LOGIN),
        (Code.INVALID_ARGUMENT, "etcdserver: revision of auth store is old", Verdict.LOGIN),
        (Code.INVALID_ARGUMENT, "etcdserver: authentication failed, invalid user ID or", Verdict.PASSWORD),
        (Code.PERMISSION_DENIED, "etcdserver: permission denied", Verdict.FORBIDDEN),
        (Code.INVALID_ARGUMENT, "etcdserver: request is too large", Verdict.INVALID),
        (Code.INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request", Verdict.INVALID),
    ],
)
def test_only_what_is_known_to_prove_it_counts_as_not_done(
    code: grpc.StatusCode, details: str, judged: Verdict
) -> None:
    assert verdict(code, details) is judged


@pytest.mark.parametrize(
    ("prefix", "end"),
    [(b"/a/", b"/a0"), (b"a\xff", b"b"), (b"a\xff\xff", b"b"), (b"\xff", b"\0"), (b"", b"\0")],
)
def test_a_range_ends_right_after_its_prefix(prefix: bytes, end: bytes) -> None:
    assert range_end(prefix) == end


def test_a_page_has_fewer_keys_the_bigger_they_are() -> None:
    assert page_keys(100, 100 * 512 * 1024) == 4
    assert page_keys(100, 100 * 4096) == 512
    assert page_keys(100, 1000) == PAGE_KEYS_MAX
    assert page_keys(1, 1 << 30) == 1


def test_versions_compare_by_number() -> None:
    assert parse_version("etcd Version: 3.5.30\nGit SHA: 0.0.0") == Version(3, 5, 30)
    assert parse_version("3.5.4") < MINIMUM <= parse_version("3.10.0")  # type: ignore[operator]
    assert parse_version("not a version") is None


def test_settings_report_all_their_faults_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        Settings(("http://here:1", "there:1", "nowhere"), prefix="/x", tls=Tls(b"", certificate=b"c"))
    assert [fault.path for fault in caught.value.faults] == [
        "etcd.endpoints[0]",
        "etcd.endpoints[2]",
        "etcd.prefix",
        "etcd.tls",
    ]


def test_neither_password_nor_key_is_shown() -> None:
    tls = Tls(b"authority", b"certificate", b"canary")
    settings = Settings(("here:1",), password=Password("heat", "canary"), tls=tls)
    assert "canary" not in repr(settings)


def test_tls_files_that_cannot_be_read_are_named(tmp_path: object) -> None:
    from pathlib import Path

    absent = Path(str(tmp_path)) / "absent"
    with pytest.raises(Invalid) as caught:
        Tls.read(absent, absent, absent)
    assert [fault.path for fault in caught.value.faults] == [
        "etcd.tls.authority",
        "etcd.tls.certificate",
        "etcd.tls.key",
    ]
