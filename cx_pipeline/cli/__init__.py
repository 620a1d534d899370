"""The command line `cx`.

What enters: arguments, settings, environment.  What leaves: results on stdout, progress and errors on
stderr, an exit code (`app.ExitCode`).  On top of every room; nobody imports it.  Each command imports
what it needs when it runs, so that `cx --help` answers at once.
"""

from cx_pipeline.cli.app import cli, main

__all__ = ["cli", "main"]
