#!/usr/bin/env bash
# Nothing to say has shellcheck to say about the shell scripts. usage: shell.sh [TREE]
set -euo pipefail
. "$(dirname "$0")/common.sh"
command -v shellcheck >/dev/null || skip "shellcheck is not installed"
scripts=$(find "$tree" \( -name build -o -name .git -o -name runs \) -prune -o -type f \( -name '*.sh' -o -name '*.sbatch' -o -path '*/.ci/run' \) -print)
# SC1091, SC2154: what a script sources is checked by itself, and so is not followed.
xargs -d '\n' shellcheck --exclude=SC1091,SC2154 <<<"$scripts"
