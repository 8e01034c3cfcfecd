"""Holds docs/traceability.md against the house: every row once, and what it names is there."""

import re

from house import ROOT, files, report, text

TABLE = "docs/traceability.md"
ROWS = [f"{series}{n}" for series, last in (("C", 13), ("T", 43), ("P", 24), ("M", 17)) for n in range(1, last + 1)]
STEPS = {"1", "2", "3", "4", "later"}

ROW = re.compile(r"^\| *([A-Z]\d+) *\|")
QUOTED = re.compile(r"`([^`]+)`")
TEST = re.compile(r"\bfunc\s+`?((C|T|P|M)\d+_\w+)")


def tests() -> dict[str, str]:
    """The tests named after a row → the file each stands in."""
    return {match[1]: path for path in files("Tests/*.swift") for match in TEST.finditer(text(path))}


def main() -> None:
    findings = []
    known = tests()
    named: dict[str, set[str]] = {}

    for number, line in enumerate(text(TABLE).splitlines(), start=1):
        if not ROW.match(line):
            continue
        here = f"{TABLE}:{number}"
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 6:
            findings.append(f"{here}: {len(cells)} cells, not 6")
            continue
        row, _, _, steps, code, test = cells
        if row not in ROWS:
            findings.append(f"{here}: there is no row {row}")
        if row in named:
            findings.append(f"{here}: {row} stands here twice")
        named[row] = set(QUOTED.findall(test))
        if not set(re.split(r", *", steps)) <= STEPS:
            findings.append(f"{here}: {row} comes with '{steps}', which is no step")
        if bool(QUOTED.search(code)) != bool(named[row]):
            findings.append(f"{here}: {row} names code or a test, but not both")
        findings += [f"{here}: there is no {path}" for path in QUOTED.findall(code) if not (ROOT / path).exists()]
        for name in sorted(named[row]):
            if not name.startswith(row + "_"):
                findings.append(f"{here}: {name} is not named after {row}")
            elif name not in known:
                findings.append(f"{here}: no test in Tests/ is called {name}")

    findings += [f"{TABLE}: row {row} is missing" for row in ROWS if row not in named]
    for name, path in sorted(known.items()):
        row = name.split("_")[0]
        if name not in named.get(row, set()):
            findings.append(f"{path}: {name} does not stand in row {row} of {TABLE}")
    report(findings)


main()
