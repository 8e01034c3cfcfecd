"""What the checks of the house share: the files of the repository, and how a check reports."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def git(*arguments: str) -> list[str]:
    """The lines that `git` prints."""
    return subprocess.run(
        ["git", "-C", ROOT, "-c", "core.quotepath=off", *arguments], check=True, capture_output=True, text=True
    ).stdout.splitlines()


def files(*patterns: str) -> list[str]:
    """The files of the repository, committed or about to be, that match one of the patterns."""
    listed = git("ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns)
    return sorted({path for path in listed if (ROOT / path).is_file()})


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def report(findings: list[str]) -> None:
    """Prints what was found, one line each, and ends the check."""
    for finding in findings:
        print(finding, file=sys.stderr)
    sys.exit(1 if findings else 0)
