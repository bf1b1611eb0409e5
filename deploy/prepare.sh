# Sourced by ./vigil and ./check: makes .venv in the checkout from a lock file, and installs Debian packages.
# Everything said here goes to stderr; stdout belongs to the command that follows.
#
# .venv/vigil-<name> is the stamp of an installed lock. It holds where the checkout is, which Python the environment
# stands on and the lock's hash. A moved checkout or another Python makes the environment anew; another hash installs
# into the one that is there. The stamp is written last, so a start that was cut short is simply done again.

say() { printf '%s\n' "vigil: $*" >&2; }

# install_packages PACKAGE...: by apt when we may, else the one line to run, and failure.
install_packages() {
    local -a become=()
    if ! command -v apt-get >/dev/null; then
        say "please install, with your system's package manager: $*"
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            say "please run:  sudo apt-get install -y $*"
            return 1
        fi
        become=(sudo -n)
    fi
    say "installing Debian packages: $*"
    local -a apt=("${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120)
    # A fresh machine has no package lists; a machine that cannot refresh them may still have good ones.
    "${apt[@]}" update </dev/null >&2 || say "the package lists could not be refreshed"
    if ! "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >&2; then
        say "that failed; please run:  ${become[*]:+sudo }apt-get install -y $*"
        return 1
    fi
}

# find_python: prints the first Python that is new enough and able to make an environment.
find_python() {
    local candidate
    for candidate in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

stamp_of() { # stamp_of ROOT LOCK
    printf '%s\n%s\n' "$1" "$(readlink -f "$1/.venv/bin/python")"
    sha256sum <"$1/$2"
}

installed() { # installed ROOT LOCK
    [ -x "$1/.venv/bin/python" ] && [ "$(cat "$1/.venv/vigil-$2" 2>/dev/null)" = "$(stamp_of "$1" "$2")" ]
}

make_environment() { # make_environment ROOT
    local root=$1 python
    if ! python=$(find_python); then
        # A fresh Debian has Python but not what `python3 -m venv` needs.
        install_packages python3-venv || return 1
        if ! python=$(find_python); then
            say "Python 3.11 or newer is needed"
            return 1
        fi
    fi
    say "making .venv with $python"
    "$python" -m venv --clear "$root/.venv" >&2 || return 1
    # The four folders up from site-packages are the checkout: our packages are found from any working directory.
    local site
    for site in "$root"/.venv/lib/python3.*/site-packages; do
        echo ../../../.. >"$site/vigil.pth"
    done
}

# prepare ROOT LOCK [ALSO...]: .venv holds what LOCK says. ALSO are locks that LOCK includes.
prepare() {
    local root=$1 lock=$2
    shift 2
    installed "$root" "$lock" && return 0
    (
        # Two first starts at once: the second waits, then finds the work done.
        exec 9>"$root/.venv.lock" || exit 1
        flock 9
        installed "$root" "$lock" && exit 0
        local stamp python
        local -a stamps=("$root"/.venv/vigil-requirements*.lock)
        python=$(readlink -f "$root/.venv/bin/python")
        for stamp in "${stamps[@]}"; do
            # The stamp's first two lines: same checkout, same Python. Else, and when there is none, start anew.
            if [ "$(head -n 2 "$stamp" 2>/dev/null)" != "$root"$'\n'"$python" ]; then
                make_environment "$root" || exit 1
                break
            fi
        done
        rm -f "$root"/.venv/vigil-requirements*.lock
        say "installing from $lock (a minute or two on a small machine)"
        "$root/.venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet --require-hashes \
            --only-binary :all: -r "$root/$lock" </dev/null >&2 || exit 1
        for stamp in "$lock" "$@"; do
            stamp_of "$root" "$stamp" >"$root/.venv/vigil-$stamp"
        done
    )
}
