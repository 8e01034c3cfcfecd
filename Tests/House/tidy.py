"""No file too long to read, nothing committed that a build makes."""

import re

from house import files, git, report, text

LONGEST = 500
MADE = re.compile(r"(^|/)(\.build|\.swiftpm|Package\.resolved|__pycache__)(/|$)|\.(o|profraw)$")

READ = ("*.swift", "*.py", "*.sh", "*.c", "*.h", "*.md", "Makefile")


def main() -> None:
    findings = [f"{path}: made by a build, must not be committed" for path in git("ls-files") if MADE.search(path)]
    for path in files(*READ):
        lines = len(text(path).splitlines())
        if lines > LONGEST:
            findings.append(f"{path}: {lines} lines, more than {LONGEST}: split it where it has two reasons to change")
    report(findings)


main()
