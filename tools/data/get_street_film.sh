#!/usr/bin/env bash
# Fetch vtest.avi, 80 seconds of a street with walkers, out of Debian's package opencv-doc (96 MB).
#
#   tools/data/get_street_film.sh [FOLDER]      writes FOLDER/vtest.avi (default: data/street)
#
# On Debian and Ubuntu; nothing is installed. Elsewhere: it is samples/data/vtest.avi of OpenCV 4's sources.
set -euo pipefail
FOLDER=${1:-data/street}
FILM=$FOLDER/vtest.avi
SHA256=45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf

same() { [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" = "$SHA256" ]; }

if [ -f "$FILM" ] && same "$FILM"; then
    echo "$FILM is there"
    exit
fi
for command in apt-get dpkg-deb; do
    command -v "$command" >/dev/null || {
        echo "$command is not there: put samples/data/vtest.avi of OpenCV 4's sources into $FOLDER" >&2
        exit 1
    }
done
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
(cd "$WORK" && apt-get -o APT::Sandbox::User=root download opencv-doc) || {
    echo "apt-get download opencv-doc failed; after 'apt-get update' it may work" >&2
    exit 1
}
dpkg-deb --fsys-tarfile "$WORK"/opencv-doc_*.deb |
    tar -xO --wildcards '*/examples/data/vtest.avi' >"$WORK/vtest.avi"
same "$WORK/vtest.avi" || {
    echo "the film in this opencv-doc is not the one that the guide's numbers are of" >&2
    exit 1
}
mkdir -p "$FOLDER"
mv "$WORK/vtest.avi" "$FILM"
echo "$FILM"
