#!/bin/sh
# Looks for what no package index can give: a Python, a compiler, make.
#
# Prints the Python to use. For each thing missing one line on stderr, and exit code 2.
# With --packages: prints the Debian packages that would mend it, and always exits with 0.

packages=
problems=0

missing() { # package, sentence
    packages="$packages $1"
    problems=$((problems + 1))
    [ "$list" = yes ] || echo "missing: $2 (Debian, Ubuntu: apt-get install $1)" >&2
}

list=no
[ "${1-}" = --packages ] && list=yes

supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'
python=
seen=
# With a ROS 2 sourced only the Python it was built for will do.
for candidate in ${ROS_DISTRO:+/usr/bin/python3} python3 python3.12 python3.11; do
    path=$(command -v "$candidate" 2>/dev/null) || continue
    version=$("$path" -c 'import platform; print(platform.python_version())' 2>/dev/null) || continue
    seen="$seen $candidate=$version"
    if "$path" -c "$supported" 2>/dev/null; then
        if [ -n "${ROS_DISTRO-}" ] && ! "$path" -c 'import rclpy' 2>/dev/null; then
            continue
        fi
        python=$path
        break
    fi
done

if [ -n "$python" ]; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing python3-venv "the module venv of $python"
    "$python" -c 'import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' ||
        missing python3-dev "Python.h of $python"
elif [ -n "${ROS_DISTRO-}" ]; then
    missing "ros-$ROS_DISTRO-rclpy" "a Python 3.11 or 3.12 with rclpy: ROS 2 $ROS_DISTRO is sourced, it must be Jazzy or newer (seen:${seen:- none})"
else
    missing "python3 python3-venv python3-dev" "Python 3.11 or 3.12 (seen:${seen:- none})"
fi
machine=$(uname -m 2>/dev/null)
if [ -z "${ROS_DISTRO-}" ] && [ "${machine:-x86_64}" != x86_64 ]; then
    missing ros-jazzy-ros-base "ROS 2: it comes as wheels on x86_64 only, this is $machine; install Jazzy or newer and source it"
fi
command -v g++ >/dev/null || missing g++ "the C++ compiler g++"
command -v make >/dev/null || missing make "make"

# Its absence is no problem but for the tests of the pages, which say so.
[ "$list" = yes ] && ! command -v chromium >/dev/null && packages="$packages chromium"

if [ "$list" = yes ]; then
    echo $packages
    exit 0
fi
[ "$problems" -eq 0 ] || exit 2
echo "$python"
