"""Errors as RFC 9457 problem documents: what, cause, and the command that helps.

Every code the collector refuses with has one row; a code without a row is a conflict.
"""

from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from pydantic import ValidationError

TYPE = "urn:mailfleet:problem:"
CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Row:
    status: HTTPStatus
    title: str
    remedy: str


ROWS: dict[str, Row] = {
    "INVALID": Row(HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not right", ""),
    "UNAUTHENTICATED": Row(
        HTTPStatus.UNAUTHORIZED,
        "Who is asking?",
        "set MAILFLEET_TOKEN, or use the socket as root or a member of the group",
    ),
    "FORBIDDEN": Row(
        HTTPStatus.FORBIDDEN, "Not allowed", "ask an admin, or use a token with a higher role"
    ),
    "ROUTE_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such route", "see /api/v1/openapi.json"),
    "METHOD_WRONG": Row(
        HTTPStatus.METHOD_NOT_ALLOWED, "Not that method", "see /api/v1/openapi.json"
    ),
    "TOO_LARGE": Row(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large", ""),
    "NODE_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such node", "mailfleet node ls"),
    "POOL_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such pool", "mailfleet pool ls"),
    "ZONE_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such zone", "mailfleet zone ls --all"),
    "ZONE_UNASKED": Row(HTTPStatus.CONFLICT, "That zone is not asked", "mailfleet zone ls"),
    "SUBJECT_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "Nothing by that name", "mailfleet node ls"),
    "ADDRESS_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such address", "mailfleet node ls"),
    "NODE_AMBIGUOUS": Row(HTTPStatus.CONFLICT, "Several nodes fit", "name it by its id"),
    "RECEIVER_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such receiver", "mailfleet receiver ls"),
    "DAY_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "Nothing is kept of that day", ""),
    "DECISION_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such decision", "mailfleet why NODE"),
    "ZONE_UNSELECTABLE": Row(
        HTTPStatus.CONFLICT, "That zone may not be chosen", "mailfleet zone ls --all"
    ),
    "BLIND_FLEET": Row(HTTPStatus.CONFLICT, "Nobody would look at a critical zone", ""),
    "NOTHING_SAID": Row(HTTPStatus.UNPROCESSABLE_ENTITY, "Nothing to change was said", ""),
    "PACE_WRONG": Row(HTTPStatus.UNPROCESSABLE_ENTITY, "No pace for a zone", ""),
    "BRAKE_HOLDS": Row(HTTPStatus.CONFLICT, "A zone brake holds", "mailfleet status"),
    "POLICY_UNFIT": Row(
        HTTPStatus.CONFLICT, "The policy would not be sound", "mailfleet policy show"
    ),
    "POLICY_STALE": Row(HTTPStatus.CONFLICT, "The policy was just changed", "try again"),
    "SWITCH_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such switch", "mailfleet stop --help"),
    "SUBJECT_UNCLEAR": Row(HTTPStatus.UNPROCESSABLE_ENTITY, "Of one pool, or of one node", ""),
    "AUTOMATION_MISSING": Row(HTTPStatus.UNPROCESSABLE_ENTITY, "A pool observes or acts", ""),
    "POOL_EXISTS": Row(HTTPStatus.CONFLICT, "There is a pool of that name", "mailfleet pool ls"),
    "TOKEN_EXISTS": Row(HTTPStatus.CONFLICT, "There is a token of that name", ""),
    "TOO_LONG_AGO": Row(HTTPStatus.CONFLICT, "Not kept for so long", ""),
    "REVISION_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such revision", "mailfleet policy history"),
    "NOT_JUDGED": Row(HTTPStatus.CONFLICT, "Nothing to judge again", "mailfleet why DECISION"),
    "NOT_CONNECTED": Row(HTTPStatus.CONFLICT, "The node is not connected", "mailfleet node ls"),
    "RECOUNT_LATE": Row(HTTPStatus.GATEWAY_TIMEOUT, "The node did not count in time", "try again"),
    "RECOUNT_UNSUPPORTED": Row(
        HTTPStatus.CONFLICT, "The node's agent is too old", "upgrade the agent, then ask again"
    ),
    "RECOUNT_IMPOSSIBLE": Row(HTTPStatus.CONFLICT, "The logs cannot be counted once more", ""),
    "INCIDENT_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such incident", "mailfleet alert ls --all"),
    "INCIDENT_OVER": Row(HTTPStatus.CONFLICT, "That incident is over", "mailfleet alert ls"),
    "SILENCE_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such silence", "mailfleet alert silences"),
    "SILENCE_WRONG": Row(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "That silence may not be made",
        "mailfleet alert silence --cause CAUSE --for 2h --reason TEXT",
    ),
    "CHANNEL_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such channel", "mailfleet alert channels"),
    "ADDRESS_WRONG": Row(HTTPStatus.UNPROCESSABLE_ENTITY, "Not an IP address", ""),
    "NOTHING_TO_RESUME": Row(
        HTTPStatus.CONFLICT, "No pause of a person stands there", "mailfleet why NODE"
    ),
    "NOT_PAUSED": Row(HTTPStatus.CONFLICT, "There is nothing to resume", ""),
    "CA_IN_USE": Row(HTTPStatus.CONFLICT, "The oldest root is still in use", "mailfleet ca show"),
    "STILL_LISTED": Row(
        HTTPStatus.CONFLICT,
        "The address is still listed",
        "ask the zone to delist it; to send all the same: "
        "mailfleet node resume NODE --override-listing --reason TEXT",
    ),
    "AFFECTS_MANY": Row(
        HTTPStatus.CONFLICT,
        "More than one node, or a fifth of capacity",
        "look with --dry-run, then confirm the count: --max-affected N",
    ),
    "WARMUP_UNKNOWN": Row(
        HTTPStatus.NOT_FOUND, "No such warm-up", "mailfleet warmup start SUBJECT --reason TEXT"
    ),
    "WARMUP_WARM": Row(HTTPStatus.CONFLICT, "It has no cap", "mailfleet warmup ls --all"),
    "WARMUP_CHANGED": Row(HTTPStatus.CONFLICT, "It was changed meanwhile", "try again"),
    "WARMUP_NOT_HELD": Row(HTTPStatus.CONFLICT, "Nobody holds it", "mailfleet warmup ls"),
    "LADDER_UNKNOWN": Row(HTTPStatus.NOT_FOUND, "No such ladder", "mailfleet warmup ladders"),
    "LADDER_MISFIT": Row(
        HTTPStatus.UNPROCESSABLE_ENTITY, "Not a ladder for that", "mailfleet warmup ladders"
    ),
    "STAGE_UNKNOWN": Row(
        HTTPStatus.UNPROCESSABLE_ENTITY, "No such stage", "mailfleet warmup plan --ladder NAME"
    ),
    "SUBJECT_WRONG": Row(HTTPStatus.UNPROCESSABLE_ENTITY, "Not an address nor a domain", ""),
    "GRANT_TOO_LARGE": Row(HTTPStatus.UNPROCESSABLE_ENTITY, "Too many messages at once", ""),
    "GRANT_TOO_LONG": Row(HTTPStatus.UNPROCESSABLE_ENTITY, "A grant is shorter", ""),
    "GRANT_KEY_USED": Row(HTTPStatus.CONFLICT, "The key was used for another wish", ""),
    "GRANT_BUSY": Row(HTTPStatus.SERVICE_UNAVAILABLE, "The rotation is changing", "ask again"),
    "REGION_MISSING": Row(HTTPStatus.UNPROCESSABLE_ENTITY, "Where?", "name a region"),
    "JOURNAL_BUSY": Row(
        HTTPStatus.SERVICE_UNAVAILABLE, "The journal did not answer", "mailfleet doctor"
    ),
}
OTHER = Row(HTTPStatus.CONFLICT, "The collector refused", "")


def problem(code: str, *, detail: str, remedy: str = "") -> web.Response:
    """The answer for a refusal; `remedy` overrides the row's own."""
    row = ROWS.get(code, OTHER)
    body = {
        "type": TYPE + code.lower().replace("_", "-"),
        "title": row.title,
        "status": int(row.status),
        "detail": detail,
        "code": code,
        "remedy": remedy or row.remedy,
    }
    headers = {"WWW-Authenticate": "Bearer"} if row.status == HTTPStatus.UNAUTHORIZED else None
    return web.json_response(body, status=row.status, content_type=CONTENT_TYPE, headers=headers)


def invalid(error: ValidationError) -> web.Response:
    """Every field that is wrong, in one sentence each; values are not repeated."""
    said = (
        f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}"
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    )
    return problem("INVALID", detail="; ".join(said))
