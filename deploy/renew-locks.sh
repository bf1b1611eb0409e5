#!/usr/bin/env bash
# Writes the lock files anew from pyproject.toml, with the newest versions that its bounds allow.
# Needs uv; the result holds versions and hashes, and no address, path or host name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compile() { # compile LOCK EXTRA-OPTION...
    local lock=$1
    shift
    {
        echo "# Versions and hashes of everything installed; made by deploy/renew-locks.sh."
        uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
            --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@" pyproject.toml
    } >"$lock.new"
    mv "$lock.new" "$lock"
}

compile requirements.lock --extra demo
compile requirements-dev.lock --extra demo --group dev --constraints requirements.lock
compile requirements-pi.lock --extra pi --constraints requirements.lock
