#!/bin/sh
# Makes .venv and installs handspun into it: `dev/install.sh` what it runs and serves with, `dev/install.sh test` the tools of its
# tests too.
# Run again after a failure, it goes on with what is there. PYTHON=... chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."
extra=${1:-}
python=.venv/bin/python

fail() {
    echo "error: $1" >&2
    exit 1
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer was found (looked for ${PYTHON:-python3, python3.14 ... python3.11}); install one, or name it: make PYTHON=/path/to/python3.12"
}

make_venv() {
    "$python" -m pip --version >/dev/null 2>&1 && return
    base=$(find_python)
    "$base" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$base has no venv module; install it (Debian and Ubuntu: apt install python3-venv) and run the same command again"
    echo "making .venv with $("$base" --version)"
    "$base" -m venv --clear .venv
}

# On Linux, the torch that PyPI serves brings gigabytes of CUDA libraries. Without an NVIDIA device a CPU build does the same
# work without them; it lies on an index of its own, which uv knows by name. So, in this order: a CPU build that pip can see
# (a wheel folder, a mirror), the CPU build through uv, and only then the large one. torch goes first, so that the install of
# handspun finds it already there.
install_torch() {
    pin=$(grep '^torch==' constraints.txt)
    if "$python" -c "import importlib.metadata as m, sys; sys.exit(m.version('torch').split('+')[0] != '${pin#torch==}')" 2>/dev/null; then
        return
    fi
    if [ "$(uname -s)" != Linux ] || nvidia-smi >/dev/null 2>&1; then
        "$python" -m pip install "$pin"
    elif "$python" -m pip install --quiet --no-deps --dry-run "$pin+cpu" >/dev/null 2>&1; then
        "$python" -m pip install "$pin+cpu"
    elif "$python" -m pip install --quiet uv && "$python" -m uv pip install --python "$python" --torch-backend cpu "$pin"; then
        :
    else
        echo "no CPU build of torch can be reached from here: taking the one with CUDA, which takes gigabytes of disk"
        "$python" -m pip install "$pin"
    fi
}

make_venv
echo "installing into .venv"
install_torch
if [ "$extra" = test ]; then
    "$python" -m pip install --editable '.[test]' --constraint constraints.txt
    # pyright runs on node: where there is none, the one on PyPI, so that nothing is fetched from elsewhere
    command -v node >/dev/null 2>&1 || "$python" -m pip install 'pyright[nodejs]' --constraint constraints.txt
    touch .venv/installed-test
else
    "$python" -m pip install --editable '.[serve]' --constraint constraints.txt
fi
touch .venv/installed
