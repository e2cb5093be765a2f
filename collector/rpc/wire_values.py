"""What every message of the wire is made of: bytes that can be read, and moments."""

from datetime import datetime, timedelta, timezone

from google.protobuf.message import DecodeError, Message

from collector.rpc.bounds import WireError

MILLISECOND = timedelta(milliseconds=1)
_EPOCH_START = datetime(1970, 1, 1, tzinfo=timezone.utc)


def parse(message: Message, data: bytes) -> None:
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise WireError("bytes that are no message of this wire") from error


def milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH_START) // MILLISECOND
