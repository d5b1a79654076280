#!/bin/sh
# Pins what base.in and dev.in ask for, with hashes, for every Python >= 3.11. Keeps present pins; `--upgrade` renews all.
set -eu
cd "$(dirname "$0")"
uv=$(command -v ../.venv/bin/uv || command -v uv) || { echo "lock.sh needs uv: .venv/bin/pip install uv" >&2; exit 1; }
for name in base dev; do
    [ "$name" = dev ] && set -- "$@" --constraints base.txt
    env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS "$uv" pip compile --quiet \
        --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-config \
        --custom-compile-command requirements/lock.sh "$@" --output-file "$name.txt" "$name.in"
done
