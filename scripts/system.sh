#!/usr/bin/env bash
# Installs Debian packages that tests need, where a command of theirs is missing. Says what to do where it cannot.
set -euo pipefail
missing=()
for package in "$@"; do
  case "$package" in
    bubblewrap) command=bwrap ;;
    iproute2) command=ip ;;
    systemd) command=systemd-analyze ;;
    nodejs) command=node ;;
    *) command="$package" ;;
  esac
  command -v "$command" >/dev/null 2>&1 || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
  echo "these are needed and missing: ${missing[*]}; install them with your system's package manager" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || { echo "install these as root: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "installing ${missing[*]} ..."
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
