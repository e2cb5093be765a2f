"""Join tokens, nodes, certificates, and the tokens and pools people use."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, insert, select

from collector.adapters.store import enrolment
from collector.adapters.store.database import Part
from collector.adapters.store.moments import from_ms, to_ms, to_ms_or_none
from collector.adapters.store.reign import get, put
from collector.adapters.store.schema import pools
from collector.adapters.store.schema_acts import api_tokens, certificates, tokens
from collector.adapters.store.timeline import audited
from collector.ports import AuditEntry, Refused
from collector.ports_identity import ApiToken, Certificate, NewNode, Token

RENEWABLE = timedelta(days=180)  # how long after its end a certificate can still be renewed


class Identity(Part):
    async def add_token(self, token: Token, entry: AuditEntry) -> None:
        def job(connection: Connection) -> None:
            known = select(pools.c.id).where(pools.c.id == token.pool_id)
            if connection.scalar(known) is None:
                raise Refused("POOL_UNKNOWN", f"no pool {token.pool_id}")
            connection.execute(
                insert(tokens).values(
                    secret_hash=token.secret_hash,
                    pool_id=token.pool_id,
                    created_at=to_ms(token.created_at),
                    expires_at=to_ms(token.expires_at),
                    created_by=token.created_by,
                    node_id=token.node_id,
                    used_at=to_ms_or_none(token.used_at),
                )
            )
            audited(connection, entry, node_id=token.node_id)

        await self._database.write(job)

    async def enrol(
        self, secret_hash: str, node: NewNode, *, certificate: Certificate, entry: AuditEntry
    ) -> None:
        def job(connection: Connection) -> None:
            enrolment.enrol(connection, secret_hash, node=node)
            insert_certificate(connection, certificate)
            audited(connection, entry, node_id=node.id)

        await self._database.write(job)

    async def token(self, secret_hash: str) -> Token | None:
        return await self._database.read(lambda c: enrolment.read_token(c, secret_hash))

    async def certificates(self) -> Sequence[Certificate]:
        edge = to_ms(self._database.clock.now() - RENEWABLE)
        query = select(certificates).where(certificates.c.not_after >= edge)

        def job(connection: Connection) -> list[Certificate]:
            return [
                Certificate(
                    fingerprint=row.fingerprint,
                    node_id=row.node_id,
                    serial=int(row.serial),
                    not_before=from_ms(row.not_before),
                    not_after=from_ms(row.not_after),
                    revoked_at=from_ms(row.revoked_at),
                )
                for row in connection.execute(query.order_by(certificates.c.not_before))
            ]

        return await self._database.read(job)

    async def add_certificate(self, certificate: Certificate, entry: AuditEntry) -> None:
        def job(connection: Connection) -> None:
            insert_certificate(connection, certificate)
            audited(connection, entry, node_id=certificate.node_id)

        await self._database.write(job)

    async def revoke(self, node_id: str, entry: AuditEntry) -> Sequence[str]:
        def job(connection: Connection) -> list[str]:
            fingerprints = enrolment.revoke(connection, node_id, at=to_ms(entry.at))
            audited(connection, entry, node_id=node_id)
            return fingerprints

        return await self._database.write(job)

    async def add_audit(self, entry: AuditEntry) -> None:
        await self._database.write(lambda c: audited(c, entry))


class Access(Part):
    async def set_fleet_name(self, name: str, entry: AuditEntry) -> None:
        """Refused FLEET_NAMED: it is in every certificate, and stays."""

        def job(connection: Connection) -> None:
            before = get(connection, "fleet")
            if before not in (None, name):
                raise Refused("FLEET_NAMED", f"this journal belongs to the fleet {before}")
            put(connection, "fleet", value=name)
            audited(connection, entry)

        await self._database.write(job)

    async def add_api_token(self, token: ApiToken, entry: AuditEntry) -> None:
        """Refused TOKEN_EXISTS: the name is taken."""

        def job(connection: Connection) -> None:
            named = select(api_tokens.c.name).where(api_tokens.c.name == token.name)
            if connection.scalar(named) is not None:
                raise Refused("TOKEN_EXISTS", f"there is an API token {token.name} already")
            connection.execute(
                insert(api_tokens).values(
                    secret_hash=token.secret_hash,
                    name=token.name,
                    role=token.role,
                    created_at=to_ms(token.created_at),
                    revoked_at=to_ms_or_none(token.revoked_at),
                )
            )
            audited(connection, entry)

        await self._database.write(job)

    async def api_token(self, secret_hash: str) -> ApiToken | None:
        query = select(api_tokens).where(api_tokens.c.secret_hash == secret_hash)

        def job(connection: Connection) -> ApiToken | None:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            return ApiToken(
                secret_hash=row.secret_hash,
                name=row.name,
                role=row.role,
                created_at=from_ms(row.created_at),
                revoked_at=from_ms(row.revoked_at),
            )

        return await self._database.read(job)


def insert_certificate(connection: Connection, certificate: Certificate) -> None:
    connection.execute(
        insert(certificates).values(
            fingerprint=certificate.fingerprint,
            node_id=certificate.node_id,
            serial=str(certificate.serial),
            not_before=to_ms(certificate.not_before),
            not_after=to_ms(certificate.not_after),
            revoked_at=to_ms_or_none(certificate.revoked_at),
        )
    )
