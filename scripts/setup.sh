# Sourced by scripts/demo and scripts/test: Debian packages, .venv, catalogues.
# shellcheck shell=sh

cd "$(dirname "$0")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1

BUILD_PACKAGES="python3-venv python3-dev gcc swig libpcsclite-dev"
CARD_PACKAGES="pcscd vsmartcard-vpcd opensc opensc-pkcs11"
TEST_PACKAGES="softhsm2 libp11-kit-dev pcsc-tools tmux fonts-noto-mono ykcs11 libtpm2-pkcs11-1
libtpm2-pkcs11-tools swtpm tpm2-abrmd libtss2-tcti-tabrmd0 tpm2-tools dbus-daemon dnsmasq-base
chromium chromium-driver strace mmdebstrap espeak-ng speech-dispatcher-espeak-ng
sway foot wtype grim zbar-tools fonts-noto-cjk"

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

# Prints which of the named Debian packages are not installed.
missing_packages() {
    for package in "$@"; do
        case "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" in
            *" installed") ;;
            *) printf '%s ' "$package" ;;
        esac
    done
}

# Installs the named Debian packages if it may; returns 1 if some are missing still.
still_missing=
install_packages() {
    still_missing=yes
    _install_packages "$@" && still_missing=
}

_install_packages() {
    command -v dpkg-query >/dev/null || { say "this is not Debian; going on with what is here"; return 1; }
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root=sudo
    else
        say "not installed, and only root may install it: $missing"
        return 1
    fi
    say "installing Debian packages: $missing"
    # shellcheck disable=SC2086
    { $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing ||
        { $as_root apt-get update -qq &&
            $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing; }
    } >/dev/null || { say "apt-get could not install: $missing"; return 1; }
    # A pcscd that is already running does not know a driver that was just installed.
    if [ -d /run/systemd/system ]; then
        $as_root systemctl try-restart pcscd.service || true
    fi
}

# Prints a Python from 3.11 to 3.13 that can make environments: Debian's own if it is one, because the kiosk runs on it, and
# because one that was built without its profile takes twice the time for everything.
find_python() {
    for name in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    say "needs Python 3.11, 3.12 or 3.13 with venv (Debian 12 and 13 have one: apt-get install python3-venv)"
    return 1
}

version_of() { "$1" -c 'import sys; print(sys.version)'; }

# Prints what an environment with the packages of the lock file $1 is made from.
made_from() {
    { version_of "$python"; cat scripts/lock/"$1".txt pyproject.toml; } | sha256sum | cut -d' ' -f1
}

# Makes .venv with the packages of the lock file $1, unless it has them already.
make_venv() {
    lock=$1
    stamp=.venv/.made-from
    python=$(find_python) || return 1
    want=$(made_from "$lock")
    if [ -f "$stamp" ] && .venv/bin/python -c '' 2>/dev/null; then
        if grep -q "^$lock $want\$" "$stamp"; then return 0; fi
        # Building pyscard is tried again when what it needs has come.
        if [ -n "$still_missing" ] && grep -q "^$lock $want without pyscard\$" "$stamp"; then return 0; fi
    fi
    say "installing Python packages into .venv"
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1 ||
        [ "$(version_of .venv/bin/python)" != "$(version_of "$python")" ]; then
        "$python" -m venv --clear .venv ||
            { say "cannot make .venv (Debian package python3-venv)"; return 1; }
    fi
    if ! .venv/bin/python -m pip install -q --require-hashes -r scripts/lock/"$lock".txt \
        >.venv/install.log 2>&1; then
        [ "$lock" = demo ] || { cat .venv/install.log >&2; return 1; }
        # pyscard is built from source; without its headers the embedded token is left.
        say "pyscard cannot be built (see .venv/install.log); going on without smart card readers"
        sed '/^pyscard==/,/[^\\]$/d' scripts/lock/demo.txt >.venv/without-pyscard.txt
        .venv/bin/python -m pip install -q --require-hashes -r .venv/without-pyscard.txt || return 1
        want="$want without pyscard"
    fi
    .venv/bin/python -m pip install -q --no-deps --no-build-isolation -e . || return 1
    { [ ! -f "$stamp" ] || grep -v "^$lock " "$stamp"; } >"$stamp.new" || true
    echo "$lock $want" >>"$stamp.new"
    mv "$stamp.new" "$stamp"
    # The packages of the tests are all of the demo's and more.
    if [ "$lock" = test ]; then
        echo "demo $(made_from demo)" >>"$stamp"
    fi
}

# Compiles the catalogues and the style sheets whose source is newer, and bundles the modules. The
# sheets' compiled files are made at once, so the first stands for all.
compile_sources() {
    for source in kiosk/locale/*/LC_MESSAGES/kiosk.po; do
        if [ ! "${source%.po}.mo" -nt "$source" ]; then
            .venv/bin/python -m kiosk.i18n
            break
        fi
    done
    set -- kiosk/styles/*.compiled
    for source in kiosk/styles/*.tcss kiosk/styles/*.py .venv/.made-from; do
        if [ ! "$1" -nt "$source" ]; then
            .venv/bin/python -m kiosk.styles.compiled
            break
        fi
    done
    set -- kiosk/*.bundle
    if [ ! "$1" -nt .venv/.made-from ] || [ -n "$(find kiosk -name '*.py' -newer "$1" | head -n 1)" ]; then
        env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m kiosk.module_bundle ||
            say "the modules cannot be bundled; going on without"
    fi
}
