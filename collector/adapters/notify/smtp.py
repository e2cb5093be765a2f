"""Mail through a relay, one thread for each incident; never through the fleet it warns about.

The first notice's Message-ID is made of the incident, so every later one can refer to it (RFC 5322
3.6.4), and a repetition carries the same one. `Auto-Submitted: auto-generated` (RFC 3834 5) keeps
other programs from answering.
"""

import ipaddress
import ssl
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

import aiosmtplib
import anyio
import psutil

from collector.adapters.notify.around import Around
from collector.core import letters
from collector.core.channels import Secret, Settings, Smtp
from collector.core.notice import Notice, Occasion
from collector.core.phrases import harmless
from collector.core.severity import Severity
from collector.ports_notify import ChannelError

SECONDS_MAX = 20.0
IMPORTANCE = {Severity.HIGH: "high", Severity.MEDIUM: "normal", Severity.LOW: "low"}


class SmtpChannel:
    """Implements `ports_notify.Channel`."""

    kind = "smtp"
    is_level = False

    def __init__(self, settings: Smtp, secret: Secret | None, *, around: Around) -> None:
        self._settings = settings
        self._secret = secret
        self._around = around

    async def send(self, notice: Notice) -> str:
        letter = self.letter(notice)
        try:
            with anyio.fail_after(SECONDS_MAX):
                return await self._deliver(letter)
        except TimeoutError:
            text = f"{self._settings.host} did not answer within {SECONDS_MAX:g} s"
            raise ChannelError(text, retryable=True) from None

    async def refresh(self, notices: Sequence[Notice]) -> None:
        """It hears of changes alone."""

    async def check(self) -> str:
        """Connects, as for a letter, and says goodbye."""
        try:
            with anyio.fail_after(SECONDS_MAX):
                relay = await self._connected()
                await _farewell(relay)
                return "connects" + (" and logs in" if self._settings.username else "")
        except TimeoutError:
            text = f"{self._settings.host} did not answer within {SECONDS_MAX:g} s"
            raise ChannelError(text, retryable=True) from None

    async def close(self) -> None:
        """Nothing is kept open."""

    def letter(self, notice: Notice) -> EmailMessage:
        """RFC 5322, text/plain in UTF-8."""
        settings, fleet = self._settings, self._around.fleet
        letter = EmailMessage(policy=SMTP)
        letter["From"] = Address(f"mailfleet {fleet}", addr_spec=settings.sender)
        letter["To"] = ", ".join(settings.to)
        letter["Subject"] = harmless(letters.subject(notice, fleet=fleet))
        letter["Date"] = format_datetime(notice.at)
        letter["Message-ID"] = self._id(notice, notice.sequence)
        if notice.sequence > 1:
            first = self._id(notice, 1)
            letter["In-Reply-To"] = first
            letter["References"] = first
        letter["Auto-Submitted"] = "auto-generated"
        letter["X-Auto-Response-Suppress"] = "All"
        letter["Importance"] = IMPORTANCE[notice.severity]
        letter["X-Mailfleet-Alert"] = letters.name_of(notice)
        letter["X-Mailfleet-Key"] = notice.key
        letter.set_content(letters.body(notice, fleet=fleet), cte="quoted-printable")
        return letter

    def _id(self, notice: Notice, sequence: int) -> str:
        thread = notice.key.replace(":", ".") if notice.event is Occasion.TEST else notice.thread
        return f"<mailfleet.{thread}.{sequence}@{self._around.fleet}>"

    async def _deliver(self, letter: EmailMessage) -> str:
        relay = await self._connected()
        try:
            refused, said = await relay.sendmail(
                self._settings.sender, list(self._settings.to), letter.as_bytes()
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            worst = max((one.code for one in error.recipients), default=550)
            raise _failed(self._settings.host, worst, said="no recipient was taken") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _failed(self._settings.host, error.code, said=error.message) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _unreached(self._settings.host, error) from None
        finally:
            await _farewell(relay)
        some = f"; refused: {', '.join(sorted(refused))}" if refused else ""
        return harmless(f"{said}{some}", most=160)

    async def _connected(self) -> aiosmtplib.SMTP:
        """Encrypted and logged in as configured; ChannelError, also when it is one of our nodes."""
        settings = self._settings
        relay = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=SECONDS_MAX,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=_trust(settings.ca),
        )
        try:
            await relay.connect()
            await self._none_of_ours(relay)
            if settings.username and self._secret is not None:
                await relay.login(settings.username, self._secret.reveal())
            return relay
        except aiosmtplib.SMTPResponseException as error:
            await _farewell(relay)
            raise _failed(settings.host, error.code, said=error.message, login=True) from None
        except ssl.SSLError as error:
            relay.close()
            text = f"{settings.host}: its certificate is not trusted ({_why(error)})"
            raise ChannelError(text, retryable=True) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            relay.close()
            raise _unreached(settings.host, error) from None
        except ChannelError:
            await _farewell(relay)
            raise

    async def _none_of_ours(self, relay: aiosmtplib.SMTP) -> None:
        """By the address really connected to, this machine's own where that is loopback."""
        ours = await self._around.ours()
        peer = relay.transport.get_extra_info("peername") if relay.transport else None
        address = ipaddress.ip_address(str(peer[0]).partition("%")[0]) if peer else None
        theirs = {self._settings.host}
        if address is not None:
            theirs |= _local() if address.is_loopback else {str(address)}
        if theirs & ours:
            which = ", ".join(sorted(theirs & ours))
            text = f"{which} is a node of this fleet: a warning must not depend on what it is about"
            raise ChannelError(text, retryable=True)


def _trust(ca: str) -> ssl.SSLContext:
    trust = ssl.create_default_context()
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca:
        try:
            trust.load_verify_locations(cadata=Path(ca).read_text())
        except (OSError, ssl.SSLError, ValueError) as error:
            raise ChannelError(f"{ca}: {error}", retryable=True) from error
    return trust


def _local() -> set[str]:
    """This machine's own addresses."""
    return {
        one.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
    }


async def _farewell(relay: aiosmtplib.SMTP) -> None:
    try:
        if relay.is_connected:
            await relay.quit(timeout=2.0)
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        relay.close()


def _failed(host: str, code: int, *, said: str, login: bool = False) -> ChannelError:
    """RFC 5321 4.2.1: 5yz will be said again. A refused login is a mistake of configuration, which
    somebody may mend: that letter is not lost."""
    text = f"{host}: {code} {harmless(said, most=160)}"
    return ChannelError(text, retryable=login or code < 500)


def _why(error: ssl.SSLError) -> str:
    return getattr(error, "verify_message", "") or error.reason or type(error).__name__


def _unreached(host: str, error: Exception) -> ChannelError:
    said = getattr(error, "strerror", None) or harmless(str(error), most=120)
    return ChannelError(f"{host}: {said or type(error).__name__}", retryable=True)


def build(settings: Settings, secret: Secret | None, *, around: Around) -> SmtpChannel:
    assert isinstance(settings, Smtp), settings
    return SmtpChannel(settings, secret, around=around)
