"""Parses every Bicep file; the real compiler is not needed for that, and not obtainable everywhere."""

import sys
from pathlib import Path

from pycep import BicepParser

faults = 0
files = sorted(Path(__file__).parent.rglob("*.bicep"))
for file in files:
    try:
        BicepParser().parse(text=file.read_text(encoding="utf-8"))
    except Exception as fault:  # the parser raises whatever its grammar raises
        faults += 1
        print(f"{file.name}: {fault}", file=sys.stderr)
if not files or faults:
    sys.exit(f"{faults} of {len(files)} Bicep files do not parse")
print(f"{len(files)} Bicep files parse")
