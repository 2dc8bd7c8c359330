"""Parses every Bicep file, and checks what joins them: parameters, outputs, parameter files.

The real compiler would say more, but it is not obtainable everywhere; the nightly workflow has it.
"""

import re
import sys
from pathlib import Path

from pycep import BicepParser

ROOT = Path(__file__).parent


def main() -> None:
    faults = []
    files = {}
    for path in sorted(ROOT.rglob("*.bicep")):
        try:
            files[path.resolve()] = BicepParser().parse(text=path.read_text(encoding="utf-8"))
        except Exception as fault:  # the parser raises whatever its grammar raises
            faults.append(f"{path.name}: {fault}")
    for path, file in files.items():
        faults += (f"{path.name}: {fault}" for fault in joints(path, file, files))
        faults += (f"{path.name}: nobody uses {name}" for name in unused(path, file))
    for path in sorted(ROOT.rglob("*.bicepparam")):
        faults += (f"{path.name}: {fault}" for fault in given_to_template(path, files))
    for fault in faults:
        print(fault, file=sys.stderr)
    if not files or faults:
        sys.exit(f"{len(faults)} faults in {len(files)} Bicep files")
    print(f"{len(files)} Bicep files parse and fit together")


def joints(path: Path, file: dict, files: dict) -> list[str]:
    """Modules get the parameters that they have, and are asked for outputs that they have."""
    faults = []
    called = {}
    for name, module in file.get("modules", {}).items():
        target = (path.parent / module["detail"]["path"]).resolve()
        called[name] = files.get(target)
        if called[name] is None:
            faults.append(f"module {name}: {target.name} is missing or does not parse")
            continue
        config = module["config"]
        params = config.get("config", config)["params"]  # a condition wraps it
        faults += (f"module {name}: {fault}" for fault in mismatch(set(params), called[name]))
    for name, output in asked_for(file):
        module = called.get(name)
        if module is not None and output not in module.get("outputs", {}):
            faults.append(f"module {name} has no output {output}")
    return faults


def mismatch(given: set[str], template: dict) -> list[str]:
    """Parameters that are given and unknown, or required and not given."""
    known = template.get("parameters", {})
    required = {name for name, parameter in known.items() if parameter["default"] is None}
    unknown = [f"there is no parameter {name}" for name in sorted(given - set(known))]
    return unknown + [f"parameter {name} is not given" for name in sorted(required - given)]


def asked_for(node):
    """Every `module.outputs.name` below a node."""
    if isinstance(node, dict):
        operator = node.get("operator")
        if isinstance(operator, dict) and operator.get("type") == "property_accessor":
            match operator["operands"]:
                case {
                    "operand_1": str(module),
                    "operand_2": {
                        "operator": {"operands": {"operand_1": "outputs", "operand_2": str(output)}}
                    },
                }:
                    yield module, output
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from asked_for(part)


def unused(path: Path, file: dict) -> list[str]:
    """Parameters and variables that are declared and named nowhere else, descriptions aside."""
    code = re.sub(r"@description\('(?:[^'\\]|\\.)*'\)", "", path.read_text(encoding="utf-8"))
    declared = [*file.get("parameters", {}), *file.get("variables", {})]
    return [name for name in declared if len(re.findall(rf"\b{name}\b", code)) < 2]


def given_to_template(path: Path, files: dict) -> list[str]:
    """A parameter file names its template in its first line."""
    text = path.read_text(encoding="utf-8")
    using = re.match(r"using '([^']+)'", text)
    template = using and files.get((path.parent / using[1]).resolve())
    if template is None:
        return ["it names no template that parses"]
    return mismatch(set(re.findall(r"^param (\w+)", text, re.MULTILINE)), template)


if __name__ == "__main__":
    main()
