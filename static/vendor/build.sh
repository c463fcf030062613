#!/bin/sh
# Maintainer's script: compiles the design system with our settings and puts the results here.
# Not run at install, test or deploy; only when a version below changes. Needs npm, sass (through npx) and Python.
set -eu

nhsuk=10.6.1
font=5.3.0
sass=1.108.2

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm pack --silent "nhsuk-frontend@$nhsuk" "@fontsource-variable/atkinson-hyperlegible-next@$font" >/dev/null
mkdir nhsuk fonts
tar xzf nhsuk-frontend-*.tgz --strip-components=1 -C nhsuk
tar xzf fontsource-variable-*.tgz --strip-components=1 -C fonts

out="$here/nhsuk"
for theme in day night; do
    cp "$here/settings-$theme.scss" nhsuk/
    npx --yes "sass@$sass" --quiet --no-source-map --style=compressed --load-path=nhsuk "nhsuk/settings-$theme.scss" "$theme.css"
done
cp day.css "$out/day.css"
python3 "$here/overlay.py" day.css night.css >"$out/night.css"
for theme in day night; do
    if grep -Eq 'Frutiger|https?://[^w]|sourceMappingURL' "$out/$theme.css"; then
        echo "$theme.css still names the NHS font, another host or a source map" >&2
        exit 1
    fi
done

sed 's|//# sourceMappingURL=.*||' nhsuk/dist/nhsuk/nhsuk-frontend.min.js >"$out/nhsuk-frontend.min.js"

rm -rf "$out/images"
mkdir -p "$out/images"
cat "$out/day.css" "$out/night.css" | grep -oE 'url\("?images/[^")]+' | sed -E 's/.*images\///' | sort -u | while read -r image; do
    cp "nhsuk/dist/nhsuk/assets/images/$image" "$out/images/"
done

for subset in latin latin-ext; do
    cp "fonts/files/atkinson-hyperlegible-next-$subset-wght-normal.woff2" "$here/fonts/"
done
cp fonts/LICENSE "$here/fonts/OFL.txt"

cat >"$here/VERSION" <<VERSIONS
nhsuk-frontend $nhsuk (MIT), compiled with sass $sass and settings-day.scss; night.css is laid over day.css (settings-night.scss, overlay.py)
Atkinson Hyperlegible Next, variable weight, latin and latin-ext, as packaged in fontsource $font (SIL OFL 1.1)
VERSIONS
