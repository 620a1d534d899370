"""`python -m cx_pipeline` is `cx`."""

from cx_pipeline.cli import main

main()
