"""How the two gRPC servers are set up. An unknown option never fails: each is tested by effect."""

from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.internal import api_implementation

from collector.rpc.bounds import MESSAGE_BYTES_MAX

# The defaults of 1,000 and 3,000 drop handshakes of a storm at random.
PENDING_MIN = 20_000
PENDING_PER_NODE = 2
MILLISECOND = timedelta(milliseconds=1)

Options = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When a peer is asked whether it lives, and how often it may ask us. Scaled down in tests."""

    keepalive: timedelta = timedelta(seconds=60)
    keepalive_timeout: timedelta = timedelta(seconds=20)
    # Agents ask every 30 s; faster than this and the peer is told to go away.
    ping_interval_min: timedelta = timedelta(seconds=20)
    # How long a call may wait for a handler in a storm.
    unrequested: timedelta = timedelta(seconds=60)


class NotUpb(Exception):
    """Protobuf runs on one of its slow runtimes."""


def require_upb() -> None:
    """Refuse to start on any other protobuf runtime: the others cost ten times the time."""
    kind = api_implementation.Type()
    if kind != "upb":
        raise NotUpb(f"protobuf runs on {kind!r}, not on upb; reinstall the protobuf package")


def build(*, fleet_size: int, pace: Pace) -> Options:
    """For either server. One agent has one stream on its connection, and a second one while it
    changes its certificate."""
    pending = max(PENDING_MIN, PENDING_PER_NODE * fleet_size)
    return (
        # Else a second collector binds the same port, and takes half of the fleet silently.
        ("grpc.so_reuseport", 0),
        ("grpc.server.max_pending_requests", pending),
        ("grpc.server.max_pending_requests_hard_limit", pending),
        ("grpc.server_max_unrequested_time_in_server", int(pace.unrequested.total_seconds())),
        ("grpc.keepalive_time_ms", pace.keepalive // MILLISECOND),
        ("grpc.keepalive_timeout_ms", pace.keepalive_timeout // MILLISECOND),
        # The one that gRPC heeds: alone, the line above leaves a vanished node for a minute more.
        ("grpc.http2.ping_timeout_ms", pace.keepalive_timeout // MILLISECOND),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", pace.ping_interval_min // MILLISECOND),
        # Twice what we accept: up to there the refusal is ours, with its reason, and audited.
        ("grpc.max_receive_message_length", 2 * MESSAGE_BYTES_MAX),
        ("grpc.max_concurrent_streams", 4),
    )
