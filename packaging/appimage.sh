#!/bin/sh
# An AppImage from dist/LatentStudio.  Needs appimagetool on the PATH.  appimage.sh VERSION
set -eu
dir=dist/LatentStudio.AppDir
rm -rf "$dir" && mkdir -p "$dir/usr" && cp -a dist/LatentStudio "$dir/usr/lib-studio"
cp packaging/icon.svg "$dir/latent-studio.svg"
cat >"$dir/latent-studio.desktop" <<'EOF'
[Desktop Entry]
Type=Application
Name=Latent Studio
Exec=studio
Icon=latent-studio
Categories=Graphics;
EOF
printf '#!/bin/sh\nexec "$(dirname "$(readlink -f "$0")")/usr/lib-studio/studio" "$@"\n' >"$dir/AppRun"
chmod +x "$dir/AppRun"
appimagetool "$dir" "dist/LatentStudio-$1.AppImage"
