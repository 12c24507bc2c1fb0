"""Freeze the program and make an installer for this system.  ``python packaging/build.py [--no-installer]``

Needs ``pip install ".[package]"``.  Linux: a .deb with dpkg-deb (and an AppImage when appimagetool is on the PATH).
Windows: Inno Setup (iscc on the PATH).  macOS: a .dmg with hdiutil.  What is not there is said, not faked.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
FROZEN = DIST / "LatentStudio"

DESKTOP = """[Desktop Entry]
Type=Application
Name=Latent Studio
Comment=Explore and mix what generative networks can draw
Exec=/opt/latent-studio/studio %F
Icon=latent-studio
Categories=Graphics;
MimeType=application/x-latent-studio;
"""


def version() -> str:
    """The version of the package, without importing it."""
    text = (ROOT / "studio" / "__init__.py").read_text(encoding="utf-8")
    return text.split('__version__ = "')[1].split('"')[0]


def freeze() -> Path:
    """Run PyInstaller; the folder with the program."""
    command = [
        sys.executable,
        "-m",
        "PyInstaller",
        "--noconfirm",
        "--distpath",
        str(DIST),
        str(ROOT / "packaging/studio.spec"),
    ]
    subprocess.run(command, check=True, cwd=ROOT)
    return FROZEN


def deb() -> Path:
    """A Debian package below /opt, with a menu entry and the ``studio`` command."""
    tree = DIST / "deb"
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "opt").mkdir(parents=True)
    shutil.copytree(FROZEN, tree / "opt/latent-studio", symlinks=True)
    (tree / "usr/share/applications").mkdir(parents=True)
    (tree / "usr/share/applications/latent-studio.desktop").write_text(DESKTOP, encoding="utf-8")
    icons = tree / "usr/share/icons/hicolor/scalable/apps"
    icons.mkdir(parents=True)
    shutil.copy(ROOT / "packaging/icon.svg", icons / "latent-studio.svg")
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/studio").symlink_to("/opt/latent-studio/studio")
    (tree / "DEBIAN").mkdir()
    control = (
        f"Package: latent-studio\nVersion: {version()}\nArchitecture: amd64\nMaintainer: Latent Studio\n"
        "Depends: libegl1, libgl1, libxkbcommon0, libxkbcommon-x11-0, libxcb-cursor0, libdbus-1-3, libfontconfig1\n"
        "Description: Explore and mix what generative networks can draw\n"
    )
    (tree / "DEBIAN/control").write_text(control, encoding="utf-8")
    target = DIST / f"latent-studio_{version()}_amd64.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(tree), str(target)], check=True)
    return target


def installer() -> list[Path]:
    """What this system's tools can make."""
    made: list[Path] = []
    if sys.platform.startswith("linux"):
        if shutil.which("dpkg-deb"):
            made.append(deb())
        if shutil.which("appimagetool"):
            subprocess.run(["sh", str(ROOT / "packaging/appimage.sh"), version()], check=True, cwd=ROOT)
            made.append(DIST / f"LatentStudio-{version()}.AppImage")
    elif sys.platform == "win32" and shutil.which("iscc"):
        subprocess.run(["iscc", f"/DVersion={version()}", str(ROOT / "packaging/studio.iss")], check=True)
        made.append(DIST / f"LatentStudio-{version()}-setup.exe")
    elif sys.platform == "darwin":
        target = DIST / f"LatentStudio-{version()}.dmg"
        source = str(DIST / "Latent Studio.app")
        subprocess.run(
            ["hdiutil", "create", "-volname", "Latent Studio", "-srcfolder", source, "-ov", str(target)], check=True
        )
        made.append(target)
    return made


def main() -> int:
    """Freeze, look, pack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-installer", action="store_true")
    options = parser.parse_args()
    program = freeze() / ("studio.exe" if sys.platform == "win32" else "studio")
    subprocess.run([sys.executable, str(ROOT / "packaging/smoke.py"), str(program)], check=True)
    if options.no_installer:
        return 0
    made = installer()
    print("\n".join(str(path) for path in made) or "No installer tool was found; the folder in dist/ is complete.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
