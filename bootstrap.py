#!/usr/bin/env python3
"""Makes .venv with the pinned packages and what they need from the system; it starts nothing and needs no package.

    python3 bootstrap.py [run | dev | browser] ...

`run` is what production runs, `dev` adds the tools, `browser` looks for Chromium and the other programs of the tests. A second run with the same pins
returns at once.
"""

import ctypes
import ctypes.util
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)
INTERPRETERS = ("python3", "python3.13", "python3.12", "python3.11", "python3.14", "python")
REQUIREMENTS = {"run": "requirements.txt", "dev": "requirements-dev.txt"}

# The names that WeasyPrint itself tries.
LIBRARIES = {
    "Pango": ("libpango-1.0.so.0", "libpango-1.0.dylib", "pango-1.0"),
    "PangoFT2": ("libpangoft2-1.0.so.0", "libpangoft2-1.0.dylib", "pangoft2-1.0"),
    "HarfBuzz": ("libharfbuzz.so.0", "libharfbuzz.0.dylib", "harfbuzz"),
    "HarfBuzz subset": ("libharfbuzz-subset.so.0", "libharfbuzz-subset.0.dylib", "harfbuzz-subset"),
    "Fontconfig": ("libfontconfig.so.1", "libfontconfig.1.dylib", "fontconfig"),
}
DEBIAN_LIBRARIES = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz0b", "libharfbuzz-subset0", "libfontconfig1")
HOMEBREW_FOLDERS = ("/opt/homebrew/lib", "/usr/local/lib")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_BROWSERS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)

# Programs that some tests run: the command, Debian's package, Homebrew's formula, what it is for.
PROGRAMS = (
    ("clamd", "clamav-daemon", "clamav", "the tests of scanning"),
    ("faketime", "faketime", "libfaketime", "the tests of a clock that jumps"),
    ("pdftoppm", "poppler-utils", "poppler", "the tests of packages"),
    ("qpdf", "qpdf", "qpdf", "the tests of packages"),
    ("openssl", "openssl", "openssl", "the tests of time stamps"),
    ("javac", "default-jdk-headless", "openjdk", "the tests of packages by veraPDF"),
    ("softhsm2-util", "softhsm2", "softhsm", "the tests of keys on a token"),
    ("soffice", "libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui", "--cask libreoffice",
     "the tests of office documents"),
)  # fmt: skip
#: Hundreds of megabytes: installed where CI wants every test, elsewhere only named.
LARGE = frozenset({"soffice"})
SYSTEM_PROGRAMS = "/usr/local/sbin:/usr/sbin:/sbin"


def main(wanted: list[str]) -> int:
    if sys.version_info < OLDEST:
        other = find_interpreter()
        if other is None:
            return refuse(
                f"Clearhold needs Python {dotted(OLDEST)} or newer; found {platform.python_version()} at {sys.executable}. "
                "Debian: apt-get install python3 python3-venv. macOS: brew install python@3.13."
            )
        os.execv(other, [other, str(Path(__file__).resolve()), *wanted])  # noqa: S606
    missing = missing_libraries()
    if missing and not install(DEBIAN_LIBRARIES, f"{', '.join(missing)} for the PDF packages"):
        return refuse(advice_on_libraries(missing))
    if missing and missing_libraries():
        return refuse(advice_on_libraries(missing_libraries()))
    for kind in ("run", "dev"):
        if kind in wanted and not install_packages(kind):
            return 1
    if "browser" not in wanted:
        return 0
    return prepare_browser() or prepare_programs()


def find_interpreter() -> "str | None":
    for name in INTERPRETERS:
        path = shutil.which(name)
        if path is None:
            continue
        question = f"import sys; sys.exit(sys.version_info < {OLDEST!r})"
        if subprocess.run([path, "-c", question], capture_output=True).returncode == 0:
            return path
    return None


def missing_libraries() -> "list[str]":
    return [title for title, names in LIBRARIES.items() if not any(map(loads, names))]


def loads(name: str) -> bool:
    candidates = [name, ctypes.util.find_library(name)]
    if sys.platform == "darwin":
        candidates += [f"{folder}/{name}" for folder in HOMEBREW_FOLDERS]
    for candidate in candidates:
        if candidate:
            try:
                ctypes.CDLL(candidate)
            except OSError:
                continue
            return True
    return False


def advice_on_libraries(missing: "list[str]") -> str:
    packages = " ".join(DEBIAN_LIBRARIES)
    return (
        f"The PDF packages need {', '.join(missing)}. Debian, Ubuntu: sudo apt-get install {packages}. "
        "macOS: brew install pango harfbuzz fontconfig."
    )


def install(packages: "tuple[str, ...]", why: str) -> bool:
    """Through apt, when we may; says what it does."""
    apt = shutil.which("apt-get")
    prefix = may_administer()
    if apt is None or prefix is None:
        return False
    say(f"Installing {' '.join(packages)} ({why}) with apt-get ...")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    words = [*prefix, apt, "-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
    for attempt in ((), ("update",)):
        if attempt and subprocess.run([*words, *attempt], env=environment, stdout=sys.stderr).returncode != 0:
            return False
        install_words = [*words, "install", "--no-install-recommends", *packages]
        if subprocess.run(install_words, env=environment, stdout=sys.stderr).returncode == 0:
            return True
    return False


def may_administer() -> "list[str] | None":
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def install_packages(kind: str) -> bool:
    requirements = ROOT / REQUIREMENTS[kind]
    stamp = VENV / f".clearhold-{kind}"
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    python = VENV / "bin" / "python"
    # What the tools need includes what runs.
    stamps = [stamp] + ([VENV / ".clearhold-dev"] if kind == "run" else [])
    if python.exists() and any(is_stamped(one, kind, key) for one in stamps):
        return True
    if not python.exists() and not make_venv():
        return False
    say(f"Installing {requirements.name} into .venv ...")
    words = [str(python), "-m", "pip", "install", "--require-hashes", "--disable-pip-version-check", "-q", "-r"]
    if subprocess.run([*words, str(requirements)]).returncode != 0:
        refuse(f"pip could not install {requirements.name}; its message is above. Nothing else was changed.")
        return False
    stamp.write_text(f"{kind} {key}\n" + (f"run {run_key()}\n" if kind == "dev" else ""))
    return True


def run_key() -> str:
    return hashlib.sha256((ROOT / REQUIREMENTS["run"]).read_bytes() + sys.version.encode()).hexdigest()


def is_stamped(stamp: Path, kind: str, key: str) -> bool:
    return stamp.exists() and f"{kind} {key}" in stamp.read_text().splitlines()


def make_venv() -> bool:
    say(f"Making .venv with Python {platform.python_version()} ...")
    words = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    made = subprocess.run(words, capture_output=True, text=True)
    if made.returncode != 0 and install(("python3-venv",), "to make .venv"):
        made = subprocess.run(words, capture_output=True, text=True)
    if made.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        lines = (made.stderr or made.stdout).strip().splitlines()
        refuse(
            f"python -m venv failed ({lines[-1] if lines else 'no word why'}). Debian: apt-get install python3-venv."
        )
    return made.returncode == 0


def prepare_browser() -> int:
    if find_browser() or (install(("chromium",), "for the browser tests") and find_browser()):
        return 0
    words = "No Chromium: the browser tests are SKIPPED. Debian: apt-get install chromium. macOS: brew install --cask chromium."
    if os.environ.get("CI"):
        return refuse(words.replace("are SKIPPED", "can't run, and CI=true wants them"))
    say(f"!!! {words}")
    return 0


def prepare_programs() -> int:
    missing = [program for program in PROGRAMS if not find_program(program[0])]
    wanted = [program for program in missing if program[0] not in LARGE or os.environ.get("CI")]
    if wanted:
        packages = tuple(package for _, several, _, _ in wanted for package in several.split())
        install(packages, ", ".join(sorted({why for *_, why in wanted})))
    for command, package, formula, why in missing:
        if find_program(command):
            continue
        words = f"No {command}: {why} are SKIPPED. Debian: apt-get install {package}. macOS: brew install {formula}."
        if os.environ.get("CI"):
            return refuse(words.replace("are SKIPPED", "can't run, and CI=true wants them"))
        say(f"!!! {words}")
    return 0


def find_program(command: str) -> "str | None":
    return shutil.which(command) or shutil.which(command, path=SYSTEM_PROGRAMS)


def find_browser() -> "str | None":
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return chosen
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or next((path for path in MAC_BROWSERS if Path(path).exists()), None)


def dotted(version: "tuple[int, ...]") -> str:
    return ".".join(map(str, version))


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def refuse(text: str) -> int:
    say(text)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
