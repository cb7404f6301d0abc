"""Letters to a mail server that speaks just enough SMTP, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from adapters.mail import SmtpMail
from bot.errors import MailUnavailable
from bot.ports.mail import Letter

LETTER = Letter(to="john@corp.example", subject="A chat account was linked", text="Das warst du?\n.\nEnde\n")


@dataclass
class FakeSmtp:
    """Takes letters in the clear, and offers no TLS."""

    port: int = 0
    refuses: bool = False
    letters: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            if verb == "RCPT" and self.refuses:
                writer.write(b"550 no such mailbox\r\n")
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.letters.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                writer.write(b"250 taken\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 fine\r\n")
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[FakeSmtp]:
    fake = FakeSmtp()
    listening = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = listening.sockets[0].getsockname()[1]
    yield fake
    listening.close()


def mail(server: FakeSmtp, *, starttls: bool) -> SmtpMail:
    return SmtpMail(host="127.0.0.1", port=server.port, sender="doorward@corp.example", starttls=starttls)


async def test_a_letter_arrives_whole(server: FakeSmtp) -> None:
    await mail(server, starttls=False).send(LETTER)
    (letter,) = server.letters
    assert "To: john@corp.example" in letter
    assert "Auto-Submitted: auto-generated" in letter
    assert "Ende" in letter


async def test_a_server_without_tls_gets_nothing(server: FakeSmtp) -> None:
    with pytest.raises(MailUnavailable):
        await mail(server, starttls=True).send(LETTER)
    assert server.letters == []


async def test_a_line_break_adds_no_header(server: FakeSmtp) -> None:
    with pytest.raises(MailUnavailable):
        await mail(server, starttls=False).send(replace(LETTER, to="john@corp.example\r\nBcc: eve@evil.example"))
    assert server.letters == []


async def test_a_refusal_quotes_nobody(server: FakeSmtp) -> None:
    server.refuses = True
    with pytest.raises(MailUnavailable) as told:
        await mail(server, starttls=False).send(LETTER)
    assert "john" not in str(told.value)
