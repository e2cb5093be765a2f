"""What the gRPC listeners prove themselves with and whom they trust, kept fresh while they serve.

gRPC asks at each handshake whether there is something newer, from a thread of its own: what it
takes is one value out of a deque, and nothing else is shared.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

import anyio
import grpc
import structlog

from collector.ports import Clock
from collector.ports_identity import Authority, AuthorityError, ListenerCertificate

# A node enrolled after a rotation comes to the fleet's listener within seconds.
ROOTS_SECONDS = 1.0
CERTIFICATE_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Listeners:
    """One certificate for all listeners. `refresh` after a rotation of the CA, and in time."""

    def __init__(self, authority: Authority, *, names: Sequence[str], clock: Clock) -> None:
        self._authority = authority
        self._names = tuple(names)
        self._clock = clock
        self._told: list[deque[grpc.ServerCertificateConfiguration]] = []
        self._certificate = authority.listener(self._names, now=clock.now())
        self._roots = authority.ca_pem()

    @property
    def certificate(self) -> ListenerCertificate:
        """The one in use: for the HTTPS listener, and for whoever watches its end."""
        return self._certificate

    def credentials(self, *, asks_client: bool) -> grpc.ServerCredentials:
        """For one server. With `asks_client` only those with a certificate of our CA get in."""
        newer: deque[grpc.ServerCertificateConfiguration] = deque(maxlen=1)
        self._told.append(newer)

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            try:
                return newer.pop()
            except IndexError:
                return None

        # None means "as before"; the stubs do not know it.
        told = cast("Callable[[], grpc.ServerCertificateConfiguration]", fetch)
        return grpc.dynamic_ssl_server_credentials(self._configuration(), told, asks_client)

    def refresh(self) -> bool:
        """Looks for a newer certificate or other roots. Whether there were any."""
        certificate = self._authority.listener(self._names, now=self._clock.now())
        roots = self._authority.ca_pem()
        if (certificate, roots) == (self._certificate, self._roots):
            return False
        self._certificate, self._roots = certificate, roots
        for newer in self._told:
            newer.append(self._configuration())
        log.info("listeners refreshed", ends_at=certificate.not_after.isoformat())
        return True

    async def keep(self) -> None:
        """For ever."""
        looked_at = self._clock.monotonic()
        while True:
            await anyio.sleep(ROOTS_SECONDS)
            now = self._clock.monotonic()
            if now - looked_at < CERTIFICATE_SECONDS and self._authority.ca_pem() == self._roots:
                continue
            looked_at = now
            try:
                self.refresh()
            except AuthorityError as error:
                log.warning("listeners not refreshed, trying again", problem=str(error))

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        pair = (self._certificate.key_pem, self._certificate.certificate_pem)
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=self._roots)
