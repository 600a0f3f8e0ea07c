"""An answer that has arrived -> a value or a `GatewayError`, without the credential that it may echo. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs

from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import GatewayError, GatewayGarbledError, GatewayRejectedError
from fsm_robot.gateway import failures, payloads
from fsm_robot.gateway.failures import Answer

Value = TypeVar("Value")


@attrs.frozen(eq=False, repr=False)
class Reading:
    """Reads answers for every gateway, whatever brought them.

    Attributes:
        redactor: Takes out the robot's credential.
        others: Take out what else may not be quoted: the login at the proxy.
    """

    redactor: Redactor
    others: tuple[Redactor, ...] = ()

    def redacted(self, text: str) -> str:
        """Return `text` without any secret."""
        text = self.redactor.text(text)
        for redactor in self.others:
            text = redactor.text(text)
        return text

    def answer(
        self,
        status: int,
        data: bytes,
        content_type: str = "",
        location: str = "",
        retry_after: str = "",
        *,
        date: str = "",
    ) -> Answer:
        """Return an answer whose `shown` text is fit for a log."""
        charset = payloads.charset_of(content_type)

        def shown() -> str:
            # Before and after it is decoded: a text in UTF-16 hides what stands in it from one of the two.
            text = self.redacted(payloads.decoded(self.redactor.data(data), charset))
            return failures.shown(content_type, text)

        return Answer(status, data, shown, location, retry_after, date, charset, content_type)

    def succeeded(self, path: str, answer: Answer) -> Answer:
        """Return `answer` if its status is 2xx; raise what the status means otherwise."""
        if not answer.is_success:
            raise self._without_secrets(failures.refusal(path, answer))
        return answer

    def value(self, parse: Callable[[bytes, payloads.Redact, str], Value], answer: Answer) -> Value:
        """Return what the body says. Raises `GatewayGarbledError`."""
        try:
            return parse(answer.data, self.redacted, answer.charset)
        except GatewayGarbledError as error:
            raise self.garbled(error.path, error.detail, answer) from None

    def updated(self, answer: Answer) -> None:
        """Return if the answer to job/update says that the status was taken."""
        self.succeeded(payloads.UPDATE_PATH, answer)
        if payloads.is_markup(answer.data):
            raise self.garbled(payloads.UPDATE_PATH, "the answer is an HTML page, so the status was not taken", answer)

    def garbled(self, path: str, detail: str, answer: Answer) -> GatewayGarbledError:
        """Return the error for a 200 that is not what the protocol says."""
        told = self.redacted(f"{detail} (HTTP {answer.status}, {answer.shown})")
        return GatewayGarbledError(path, "garbled", told)

    def _without_secrets(self, error: GatewayError) -> GatewayError:
        """Return `error` without the credential, which a server or a proxy may have echoed."""
        detail = self.redacted(error.detail)
        if detail == error.detail:
            return error
        if isinstance(error, GatewayRejectedError):
            return GatewayRejectedError(error.path, error.kind, detail, error.status)
        return type(error)(error.path, error.kind, detail, error.retry_after_s)
