#!/usr/bin/env bash
exec "${PYTHON:-python}" "$(dirname "$0")/demo.py" "$@"
