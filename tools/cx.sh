#!/bin/sh
# The command `cx` of the environment it is installed in.
here=$(dirname -- "$(readlink -f -- "$0")")
exec "$here/python" -m cx_pipeline "$@"
