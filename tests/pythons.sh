#!/bin/sh
# Prints one usable interpreter a line for each supported Python that is on this machine, oldest first.
for version in 3.11 3.12 3.13 3.14; do
    for candidate in "python$version" "$HOME"/.pyenv/versions/"$version".*/bin/python /usr/local/bin/"python$version"; do
        if "$candidate" -c "import ensurepip, sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
            echo "$version $candidate"
            break
        fi
    done
done
