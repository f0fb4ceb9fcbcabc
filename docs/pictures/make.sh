#!/bin/sh
# Makes the pictures of the README from a generated capture: make pictures. It needs
# Chromium.
set -eu
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
go build -o bin/rstwhy ./cmd/rstwhy
go run ./cmd/rstlab synth web --size 400000000 -o "$dir/web.pcap"
here=$PWD
cd "$dir"
"$here/bin/rstwhy" -o page.html -q web.pcap >text
"$here/bin/rstwhy" -o page.html web.pcap >/dev/null
{
	echo '<!DOCTYPE html><meta charset="utf-8"><style>body{margin:0;background:#14171b;color:#e8eaed}pre{font:14px/1.35 monospace;padding:16px;margin:0}</style><pre>$ rstwhy -q web.pcap'
	sed 's/&/\&amp;/g; s/</\&lt;/g' text
	echo '</pre>'
} >terminal.html
shoot() { chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$dir/profile" --window-size="$3" --screenshot="$2" "file://$dir/$1" >/dev/null 2>&1; }
shoot terminal.html "$here/docs/pictures/terminal.png" 740,520
shoot page.html "$here/docs/pictures/page.png" 1000,900
