#!/bin/sh
# Make .venv ready: the packages pinned in constraints.txt, then the system libraries that Qt needs.
# With the argument `tests` also the X server and the mouse that the tests of the real window need.
# With nothing to do it returns at once. It speaks on standard error, so that `make run` can print JSON.
set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

may_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
apt_install() {
    apt-get update -qq >&2 &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-upgrade "$@" >/dev/null
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed, and no such python3 is on the PATH. Install one, or name it:" \
        "make run PYTHON=/path/to/python3"
}

make_venv() {
    python=$(find_python)
    # Debian splits what `venv` needs off into a package of its own.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        if may_apt; then
            say "installing $package"
            apt_install "$package" || fail "apt-get could not install $package"
        else
            fail "$python cannot make virtual environments. Install what is missing: sudo apt-get install $package"
        fi
    fi
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

# The system libraries that are missing of those that the Qt in .venv was linked with.
missing_libraries() {
    if [ "$(uname -s)" = Linux ] && command -v ldd >/dev/null; then
        qt=$("$bin/python" -c 'import importlib.util as u; print(u.find_spec("PyQt6").submodule_search_locations[0])')
        ldd "$qt"/QtWidgets.abi3.so "$qt"/Qt6/plugins/platforms/libq[owx]*.so 2>/dev/null |
            awk '/not found/ { print $1 }' | sort -u | tr '\n' ' '
    fi
}

bin=.venv/bin
[ "${OS:-}" = Windows_NT ] && bin=.venv/Scripts

# By content, because a checkout renews the files' times.
wanted=$(cksum pyproject.toml constraints.txt)
if [ "$(cat .venv/ready 2>/dev/null || :)" != "$wanted" ] || ! "$bin/python" -c '' 2>/dev/null; then
    "$bin/python" -m pip --version >/dev/null 2>&1 || make_venv
    say "installing the Python packages into .venv (a few minutes the first time)"
    "$bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' >&2 ||
        fail "pip could not install the packages; its message is above"
    echo "$wanted" >.venv/ready
fi

missing=$(missing_libraries)
if [ -n "$missing" ]; then
    packages=$(tr '\n' ' ' <tools/apt-packages.txt)
    if may_apt; then
        say "installing the system libraries of Qt: $missing"
        # shellcheck disable=SC2086  # a list of words
        apt_install $packages || say "apt-get failed; the window needs: apt-get install $packages"
    elif command -v apt-get >/dev/null; then
        say "the window needs $missing; install them with: sudo apt-get install $packages"
    else
        say "the window needs $missing; install them with this system's package manager"
    fi
fi

# Only tests drive a window with a mouse of their own; without these two they are skipped, and say so.
if [ "${1:-}" = tests ] && [ "$(uname -s)" = Linux ] &&
    ! { command -v Xvfb && command -v xdotool; } >/dev/null; then
    if may_apt; then
        say "installing xvfb and xdotool for the tests of the real window"
        apt_install xvfb xdotool || say "apt-get failed; the tests of the real window need: apt-get install xvfb xdotool"
    else
        say "the tests of the real window are skipped; they need: sudo apt-get install xvfb xdotool"
    fi
fi
