"""The group `cx`, its exit codes, and the one place where errors become a clear line.

What enters: an exception of any command.  What leaves: one line on stderr and an exit code; the
traceback only where `CX_DEBUG` asks for it.
"""

from __future__ import annotations

import errno
import os
import sys
from enum import IntEnum
from typing import Any, NoReturn

import click

from cx_pipeline.cli.alerts import alerts
from cx_pipeline.cli.doctor import doctor
from cx_pipeline.cli.export import export
from cx_pipeline.cli.gate import gate
from cx_pipeline.cli.metrics import metrics
from cx_pipeline.cli.nightly import nightly
from cx_pipeline.cli.query import query
from cx_pipeline.cli.sample import sample
from cx_pipeline.cli.scorecard import scorecard
from cx_pipeline.cli.sources import sources
from cx_pipeline.cli.ui import ui


class ExitCode(IntEnum):
    """What every command ends with."""

    OK = 0
    FAILED = 1
    USAGE = 2  # the arguments or the settings
    BUSY = 3  # another night is running
    INTERRUPTED = 130  # Ctrl-C
    BROKEN_PIPE = 141  # the reader of our output went away


class _Cx(click.Group):
    """The group: commands in the order of use, and the boundary at which exceptions end."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            _end("interrupted", ExitCode.INTERRUPTED)
        except BrokenPipeError:
            _give_up_stdout()
        except Exception as error:  # noqa: BLE001 - the outermost boundary: no traceback for users
            _fail(error)
        else:
            return result


def _give_up_stdout() -> NoReturn:
    """Leave quietly, and keep the interpreter from flushing into the closed pipe once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise click.exceptions.Exit(ExitCode.BROKEN_PIPE)


def _fail(error: Exception) -> NoReturn:
    """End with the line that suits the error."""
    if os.environ.get("CX_DEBUG"):
        raise error
    message = str(error) or type(error).__name__
    exit_code = _exit_code(error)
    if _is_full_disk(error):
        cause = message.splitlines()[0]
        message = f"the disk is full ({cause}): make room and run it again; what is published is whole"
    elif exit_code is None:
        message = f"{type(error).__name__}: {message} (unexpected; CX_DEBUG=1 shows the traceback)"
    _end(message, exit_code or ExitCode.FAILED)


def _end(message: str, exit_code: ExitCode) -> NoReturn:
    """One line on stderr, then the exit code."""
    click.echo(f"{click.style('error:', fg='red')} {message}", err=True)
    raise click.exceptions.Exit(exit_code)


def _is_full_disk(error: Exception) -> bool:
    """Whether no room is left: the system's word, or that of Dagster's SQLite within SQLAlchemy's error."""
    import sqlite3

    cause = getattr(error, "orig", None) or error
    if isinstance(cause, OSError):
        return cause.errno in {errno.ENOSPC, errno.EDQUOT}
    return isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode == sqlite3.SQLITE_FULL


def _leave_untold(leftover: sys.UnraisableHookArgs) -> None:
    """Nothing of what a generator or a file complains of while it is thrown away, unless `CX_DEBUG` asks.

    A full disk leaves such: dagster-dbt's stream of events does not take being closed half-way.  What
    broke the command is told in its one line.
    """
    if os.environ.get("CX_DEBUG"):
        sys.__unraisablehook__(leftover)


def _exit_code(error: Exception) -> ExitCode | None:
    """The exit code of an error a user can mend; None for one that nobody expected."""
    from cx_pipeline.night.lock import NightBusy
    from cx_pipeline.settings import SettingsError

    if isinstance(error, SettingsError):
        return ExitCode.USAGE
    if isinstance(error, NightBusy):
        return ExitCode.BUSY
    if isinstance(error, OSError) or _is_ours(error):
        return ExitCode.FAILED
    return None


def _is_ours(error: Exception) -> bool:
    """Whether the project raised it on purpose: its text says what was wrong and what to do."""
    return type(error).__module__.split(".")[0] == __name__.split(".")[0]


@click.group(
    cls=_Cx,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong arguments or settings, 3 another night is running, "
    "130 interrupted. Settings: cx_pipeline.toml, or the file that CX_CONFIG names.",
)
def cli() -> None:
    """The customer-experience KPIs of a company, every night."""


for _command in (nightly, scorecard, query, metrics, export, sample, sources, gate, alerts, ui, doctor):
    cli.add_command(_command)


def main() -> None:
    """The entry point `cx`."""
    sys.unraisablehook = _leave_untold
    cli(prog_name="cx")
