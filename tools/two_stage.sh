#!/usr/bin/env bash
exec "${PYTHON:-python}" "$(dirname "$0")/two_stage.py" "$@"
