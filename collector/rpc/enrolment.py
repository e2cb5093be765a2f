"""The enrolment calls: a node joins with a token, and renews its certificate. Decides nothing."""

from collections.abc import Awaitable, Callable

from collector.identity import Register
from collector.ports import Refused, StoreError
from collector.ports_identity import AuthorityError
from collector.rejections import Rejections
from collector.rpc import peers, refusals, wire_enrolment
from collector.rpc.bounds import MESSAGE_BYTES_MAX, WireError
from collector.rpc.stream import Context


class EnrolmentFace:
    def __init__(self, register: Register, *, rejections: Rejections) -> None:
        self._register = register
        self._rejections = rejections

    async def enrol(self, data: bytes, context: Context) -> bytes:
        return await self._answer(self._enrol, data, context=context)

    async def renew(self, data: bytes, context: Context) -> bytes:
        return await self._answer(self._renew, data, context=context)

    async def _enrol(self, data: bytes, origin: str) -> bytes:
        return wire_enrolment.encode_enrolled(
            await self._register.enrol(wire_enrolment.decode_enrol(data, origin))
        )

    async def _renew(self, data: bytes, origin: str) -> bytes:
        renewal = wire_enrolment.decode_renew(data, origin)
        if not renewal.signature:
            return wire_enrolment.encode_nonce(self._register.nonce(renewal))
        return wire_enrolment.encode_renewed(await self._register.renew(renewal))

    async def _answer(
        self,
        method: Callable[[bytes, str], Awaitable[bytes]],
        data: bytes,
        *,
        context: Context,
    ) -> bytes:
        try:
            if len(data) > MESSAGE_BYTES_MAX:
                raise Refused("TOO_LARGE", f"{len(data)} bytes, {MESSAGE_BYTES_MAX} at most")
            return await method(data, peers.origin(context.peer()))
        except Refused as error:
            refused = error
        except WireError as error:
            refused = Refused("ABSURD", str(error))
        except (StoreError, AuthorityError) as error:
            refused = Refused("JOURNAL", f"the collector cannot write now: {error}")
        if refused.code not in refusals.OURS:
            await self._rejections.note(refused, subject="", origin=peers.origin(context.peer()))
        await context.abort(refusals.status(refused), refusals.details(refused))
        raise AssertionError("abort does not return")
