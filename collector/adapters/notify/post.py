"""One POST of JSON with bounds on everything: time, redirects (none), and what is read back.

No text made here holds the URL's path, a header or the body: any of them may be secret.
"""

import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from collector.core.phrases import harmless
from collector.ports_notify import ChannelError

SECONDS_MAX = 15.0
SAID_BYTES_MAX = 2_048
SAID_MAX = 160
# The request itself is wrong, and will be: it is not tried again. Everything else may pass.
HOPELESS = frozenset({400, 405, 410, 413, 415, 422, 431})


async def post(url: str, body: bytes, *, headers: Mapping[str, str]) -> str:
    """What it answered, in a few words, when that was a 2xx. ChannelError."""
    status, said = await call("POST", url=url, body=body, headers=headers)
    if 200 <= status < 300:
        return f"{status} {said}".strip()
    if 300 <= status < 400:
        raise ChannelError(f"{_host(url)} redirects ({status}): refused", retryable=True)
    text = f"{_host(url)} answered {status} {said}".strip()
    raise ChannelError(text, retryable=status not in HOPELESS)


async def call(
    method: str, *, url: str, body: bytes | None = None, headers: Mapping[str, str]
) -> tuple[int, str]:
    """Status and the beginning of the answer. ChannelError when there was none."""
    limit = aiohttp.ClientTimeout(total=SECONDS_MAX)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=False, auto_decompress=False) as session,
            session.request(
                method,
                url,
                data=body,
                headers={**headers, "Accept-Encoding": "identity"},
                allow_redirects=False,
                max_line_size=8_190,
                max_field_size=8_190,
            ) as answer,
        ):
            head = await answer.content.read(SAID_BYTES_MAX)
            return answer.status, harmless(head.decode(errors="replace"), most=SAID_MAX)
    except TimeoutError:
        text = f"{_host(url)} did not answer within {SECONDS_MAX:g} s"
        raise ChannelError(text, retryable=True) from None
    except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError) as error:
        raise ChannelError(f"{_host(url)}: {_why(error)}", retryable=True) from None


def _why(error: Exception) -> str:
    """Without what was asked."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted ({_verified(error.certificate_error)})"
    if isinstance(error, aiohttp.ClientConnectorError):
        inner = error.os_error
        return (
            _verified(inner) if isinstance(inner, ssl.SSLError) else inner.strerror or "no answer"
        )
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection"
    return type(error).__name__


def _verified(error: BaseException) -> str:
    said = getattr(error, "verify_message", "") or getattr(error, "reason", "")
    return str(said or type(error).__name__)


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
