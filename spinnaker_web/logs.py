"""One line per event on stderr: for people on a terminal, JSON otherwise. Credentials are masked on the way out."""

from __future__ import annotations

import sys
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from clusters.trust.redaction import masked


def mask_secrets(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The last net: nothing here should hold a secret, so one that does is a bug that must not reach a disk."""
    return {key: value if key.startswith("_") else masked({key: value})[key] for key, value in event.items()}


def config() -> dict[str, Any]:
    """The value of settings.LOGGING; also tells structlog to log through the standard library."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering()],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
            # Each answer is logged once, by spinnaker_web.middleware; these would say the same again.
            "django.request": {"level": "ERROR"},
            "httpx": {"level": "WARNING"},  # a line for each call to the local cloud would drown the rest
            "uvicorn.access": {"handlers": [], "level": "WARNING", "propagate": True},
        },
    }


def _rendering() -> list[Any]:
    if sys.stderr.isatty():
        plain = structlog.dev.plain_traceback
        return [mask_secrets, structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    return [structlog.processors.format_exc_info, mask_secrets, structlog.processors.JSONRenderer()]
