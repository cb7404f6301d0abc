"""Hands letters to the company's mail server (SMTP submission, RFC 6409), with TLS unless settings say otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid

import aiosmtplib

from bot.errors import MailUnavailable
from bot.ports.mail import Letter

SECONDS = 5.0
"""The page of a sign-in waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMail:
    """Implements `bot.ports.mail.Mail`. With `starttls` a server that offers no TLS gets nothing."""

    host: str
    port: int
    sender: str
    starttls: bool = True
    username: str = ""
    password: str = field(default="", repr=False)

    async def send(self, letter: Letter) -> None:
        """Hand one over, once. Raises `MailUnavailable`."""
        try:
            await aiosmtplib.send(
                self._message(letter),
                hostname=self.host,
                port=self.port,
                start_tls=self.starttls,
                username=self.username or None,
                password=self.password or None,
                timeout=SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # What the server said may quote an address.
            raise MailUnavailable(type(error).__name__) from None

    def _message(self, letter: Letter) -> EmailMessage:
        """The letter as a message; the library refuses a line break in a header."""
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"], message["Subject"] = self.sender, letter.to, letter.subject
        message["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        message.set_content(letter.text)
        return message
