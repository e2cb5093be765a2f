"""Who a node is: join tokens, certificates issued, renewed and revoked, and whose they are."""

from collector.identity.register import Applicant, Issued, Register, Renewal, check_clock

__all__ = ["Applicant", "Issued", "Register", "Renewal", "check_clock"]
