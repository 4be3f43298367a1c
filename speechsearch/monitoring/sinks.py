"""Where alarms are told: the log, a webhook, an e-mail. A thin shell; what fails is tried again."""

from __future__ import annotations

import logging
import smtplib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from queue import SimpleQueue
from threading import Thread
from typing import ClassVar, Literal

import httpx2

from speechsearch.errors import ConfigError
from speechsearch.monitoring.alarms import Severity
from speechsearch.monitoring.book import Entry, body_of

Sink = Callable[[Entry], None]
RETRY_AFTER_S = (1.0, 4.0, 15.0)
log = logging.getLogger("speechsearch.alarms")


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """Who is told."""

    log: bool = True
    webhook: str = ""
    """Gets each alarm, and its end, as a JSON object by POST"""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """``none`` only for a relay on this machine"""
    smtp_user: str = ""
    smtp_password: str = ""
    mail_from: str = ""
    mail_to: tuple[str, ...] = ()
    mail_least: Severity = "alert"
    """Warnings go to the log and the webhook only"""
    timeout_s: float = 10.0

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.webhook and not self.webhook.startswith(("http://", "https://")):
            raise ConfigError(f"the webhook {self.webhook!r} is no http address")
        if self.smtp_host and not (self.mail_from and self.mail_to):
            raise ConfigError("e-mail needs mail_from and mail_to as well as smtp_host")


def text_of(entry: Entry) -> str:
    """An alarm in a line, and what to do in another."""
    if entry.cleared_s is not None:
        return f"over: {entry.rule} ({entry.severity}, {entry.stage}): {entry.cause}"
    return f"{entry.severity}: {entry.rule} ({entry.stage}): {entry.cause}\n{entry.runbook}"


def to_log(entry: Entry) -> None:
    """One record of the logger ``speechsearch.alarms``."""
    bad = entry.cleared_s is None and entry.severity == "alert"
    log.log(logging.ERROR if bad else logging.WARNING, text_of(entry))


def to_webhook(options: SinkOptions) -> Sink:
    """Raises httpx2.HTTPError where it does not arrive."""

    def tell(entry: Entry) -> None:
        httpx2.post(
            options.webhook, json=body_of(entry), timeout=options.timeout_s
        ).raise_for_status()

    return tell


def to_mail(options: SinkOptions) -> Sink:
    """Raises OSError or SMTPException where it is not taken."""

    def tell(entry: Entry) -> None:
        if options.mail_least == "alert" and entry.severity == "warning" and entry.rule != "test":
            return
        message = EmailMessage()
        over = "over: " if entry.cleared_s is not None else ""
        message["Subject"] = f"[speechsearch] {over}{entry.severity} {entry.rule}"
        message["From"], message["To"] = options.mail_from, ", ".join(options.mail_to)
        message.set_content(text_of(entry))
        kind = smtplib.SMTP_SSL if options.smtp_security == "tls" else smtplib.SMTP
        with kind(options.smtp_host, options.smtp_port, timeout=options.timeout_s) as server:
            if options.smtp_security == "starttls":
                server.starttls()
            if options.smtp_user:
                server.login(options.smtp_user, options.smtp_password)
            server.send_message(message)

    return tell


def sinks_of(options: SinkOptions) -> dict[str, Sink]:
    """By name."""
    found: dict[str, Sink] = {"log": to_log} if options.log else {}
    if options.webhook:
        found["webhook"] = to_webhook(options)
    if options.smtp_host:
        found["mail"] = to_mail(options)
    return found


class Teller:
    """Tells every sink in a thread of its own: a slow one keeps nobody waiting."""

    def __init__(
        self, sinks: dict[str, Sink], retry_after_s: Sequence[float] = RETRY_AFTER_S
    ) -> None:
        self._sinks = sinks
        self._retry_after_s = retry_after_s
        self._entries: SimpleQueue[Entry | None] = SimpleQueue()
        self.failed: dict[str, str] = {}
        """Sinks whose newest message did not arrive, and why"""
        self._thread = Thread(target=self._run, name="alarms", daemon=True)
        self._thread.start()

    def tell(self, entry: Entry) -> None:
        """Returns at once."""
        self._entries.put(entry)

    def close(self, timeout_s: float = 5.0) -> None:
        """Let what is queued go out, as far as it does within the time."""
        self._entries.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (entry := self._entries.get()) is not None:
            for name, sink in self._sinks.items():
                self._try(name, sink, entry)

    def _try(self, name: str, sink: Sink, entry: Entry) -> None:
        for wait_s in (*self._retry_after_s, None):
            try:
                sink(entry)
            except Exception as error:  # whatever a sink does, the next one is told
                self.failed[name] = str(error) or type(error).__name__
            else:
                self.failed.pop(name, None)
                return
            if wait_s is not None:
                time.sleep(wait_s)
        log.error("the alarm %s did not reach %s: %s", entry.rule, name, self.failed[name])
