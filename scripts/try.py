"""Opens alpi on its local model, in a throwaway profile with a small sample workspace. ``make try`` runs this."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MODEL = "local/qwen2.5-coder-1.5b"
SAMPLE = {
    "notes.md": """\
# Notes

- The landlord is called Marta Oliva, phone 555 0148.
- Wi-Fi in the cabin: ask at the desk.
- Dentist on Thursday at 9:30.
""",
    "budget.csv": """\
month,category,amount
january,groceries,412.80
january,rent,950.00
february,groceries,388.15
february,rent,950.00
""",
    "trips/lisbon.md": """\
# Lisbon, 3 to 7 June

flight: TP 1047, departs 07:25, seat 14C
hotel: Casa do Largo, two rooms
to do: book the tram tour
""",
    "src/greet.py": """\
def greet(name):
    return "Hello " + name


if __name__ == "__main__":
    print(greet("world"))
""",
}
SUGGESTIONS = """\
Things to try:
  When does the flight in trips/lisbon.md leave?
  Which file mentions the dentist?
  In trips/lisbon.md the hotel Casa do Largo is now Pensao Sol.
  Create packing.md with the lines: passport, charger, sunglasses.
  My partner's birthday is March 14th.     (then /new, and ask when it is)
"""


def main() -> int:
    """Make the profile, prepare the model, open the chat; clean up afterwards."""
    alpi = Path(sys.executable).with_name("alpi")
    folder = Path(tempfile.mkdtemp(prefix="alpi-try-"))
    workspace = folder / "workspace"
    for name, text in SAMPLE.items():
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(text, encoding="utf-8")
    environ = {**os.environ, "ALPI_HOME": str(folder / "home")}
    environ.pop("ALPI_PROFILE", None)
    try:
        for key, value in (("model", MODEL), ("workspace", str(workspace))):
            subprocess.run([alpi, "config", "set", key, value], env=environ, stdout=subprocess.DEVNULL, check=True)
        if subprocess.run([alpi, "models", "prepare"], env=environ, check=False).returncode:
            return 1
        print(f"\nThis is a throwaway profile; its files are in {workspace} until you leave.\n\n{SUGGESTIONS}")
        if sys.stdin.isatty() and sys.stdout.isatty() and not sys.argv[1:]:
            input("Enter opens the chat (it covers these lines; they stand here again when you leave it) ")
        return subprocess.run([alpi, *sys.argv[1:]], env=environ, cwd=workspace, check=False).returncode
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
