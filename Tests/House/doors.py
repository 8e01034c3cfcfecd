"""Which room may open which door: every `import` in the house is held against the table below.

Imports point down only (Command, Testing → Center → Licensing → Card, Disc → Cryptography → Wire), a driver never meets
an emulator or firmware, and OpenSSL and PC/SC each have one door. The compiler knows none of this.
"""

import re

from house import files, report, text

WIRE = {"Octets", "Identifiers", "ISO7816", "SecureChannel", "SCSI", "CardProtocol", "ISCSI"}
FIRMWARE = {"CardFirmware", "DriveFirmware"}
EMULATORS = {"CardEmulator", "DiscEmulator"}
DRIVERS = {"CardDriver", "DiscDriver"}
LICENSING = {"Formats", "CopyLicensing", "ChallengeAccess"}
HOST = {"Foundation", "FoundationEssentials", "Glibc", "Dispatch", "Synchronization", "CLinux"}
NIO = {"NIOCore", "NIOPosix"}
WEB = {
    "Hummingbird", "HummingbirdCore", "HTTPTypes", "Logging", "NIOCore", "NIOHTTP1", "NIOHTTPTypes", "NIOSSL",
    "AsyncHTTPClient", "ServiceLifecycle", "UnixSignals",
}
CENTER = {"LicenseCenter", "CenterServer", "CenterClient"}
BELOW_COMMAND = WIRE | {"Cryptography", "Sockets"} | EMULATORS | DRIVERS | LICENSING | CENTER | {"ISCSITarget"} | HOST
EVERY_ROOM = BELOW_COMMAND | FIRMWARE | {"WarifuTesting"}

# Folder → what its files may import. The longest folder that holds a file decides.
DOORS = {
    # No Foundation, no operating system: this runs on a board too.
    "Sources/Wire": WIRE,
    "firmware-sim": WIRE,
    # The one door to OpenSSL.
    "Sources/Cryptography": WIRE | HOST | {"COpenSSL"},
    # The one door to stream sockets: frames, addresses, waiting.
    "Sources/Sockets": WIRE | HOST,
    # A driver and an emulator meet in bytes only: what works on the emulator works on a reader.
    "Sources/Card/CardEmulator": WIRE | HOST | {"Cryptography", "Sockets", "CardFirmware"},
    "Sources/Card/CardDriver": WIRE | HOST | {"Cryptography", "Sockets", "CPCSC"},
    "Sources/Disc/DiscEmulator": WIRE | HOST | {"Cryptography", "DriveFirmware"},
    # The emulated drive for other programs.
    "Sources/Disc/ISCSITarget": WIRE | HOST | NIO | {"Cryptography", "DriveFirmware", "DiscEmulator"},
    "Sources/Disc/NBDPlugin": WIRE | HOST | {"CNBDKit", "DriveFirmware", "DiscEmulator"},
    "Sources/Disc/DiscDriver": WIRE | HOST | {"Cryptography", "CArchive"},
    # Records: no device, no network.
    "Sources/Licensing/Formats": WIRE | HOST | {"Cryptography"},
    "Sources/Licensing/CopyLicensing": WIRE | HOST | {"Cryptography", "Formats"} | DRIVERS,
    # Both sides of an exchange: no device, no network.
    "Sources/Licensing/ChallengeAccess": WIRE | {"Cryptography", "Formats"},
    # No driver in the server.
    "Sources/Center/LicenseCenter": WIRE | HOST | {"Cryptography", "Formats", "ChallengeAccess", "GRDB", "GRDBSQLite", "CPostgreSQL"},
    # The centre over HTTP, and its pages.
    "Sources/Center/CenterServer": WIRE | HOST | WEB | NIO | {
        "Cryptography", "Formats", "ChallengeAccess", "LicenseCenter", "Mustache", "CQREncode",
        # Files are read on threads that are not those of tasks.
        "NIOPosix",
    },
    # Asks a centre over HTTP, and relays to a card: nothing of the server in it.
    "Sources/Center/CenterClient": WIRE | HOST | {
        "Cryptography", "Formats", "ChallengeAccess", "CardDriver", "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "NIOSSL",
    },
    "Sources/Testing/WarifuTesting": BELOW_COMMAND | FIRMWARE,
    "Sources/Command/warifu": BELOW_COMMAND | {"ArgumentParser", "DriveFirmware", "Logging"},
    # Measures against the bare OpenSSL calls that an exchange needs, and through a pcscd of its own.
    "Benchmarks": EVERY_ROOM | {"COpenSSL", "PCSCRig", "DriveRig", "PostgresRig"},
    # The reference keeps the same rows with the same library, a transaction each.
    "Benchmarks/Center": EVERY_ROOM | WEB | {"GRDB"},
    "Tests": EVERY_ROOM | {"Testing", "TestSupport", "PCSCRig", "CardConformance", "FuzzTargets", "DriveRig", "DriveConformance"},
    # Asks the smart card service without the driver that is tested.
    "Tests/Support/PCSCRig": WIRE | HOST | {"CPCSC"},
    # Speaks to a browser's driver.
    "Tests/Support/BrowserRig": HOST | {"AsyncHTTPClient", "NIOCore", "NIOHTTP1"},
    # Asks the server without the database layer that is tested.
    "Tests/Support/PostgresRig": WIRE | HOST | {"CPostgreSQL"},
    "Tests/CommandTests": EVERY_ROOM | {"Testing", "TestSupport", "PostgresRig"},
    # Serves in a process of its own.
    "Tests/Support/CenterRig": EVERY_ROOM | {"Logging", "NIOCore"},
    "Tests/LicenseCenterTests": EVERY_ROOM | {"Testing", "TestSupport", "PostgresRig"},
    "Tests/CenterServerTests": EVERY_ROOM | WEB | NIO | {"Testing", "TestSupport", "PostgresRig", "PCSCRig", "BrowserRig"},
    # Another project: the products for cards, and nothing else of ours.
    "Tests/Consumer": WIRE | {"PackageDescription", "Cryptography", "CardDriver", "CardEmulator", "Kiosk", "Testing"},
    "Tests/ExportTests": EVERY_ROOM | {"Testing", "TestSupport", "DriveRig", "DriveConformance", "NBDPlugin"},
    "Tests/CardTests": EVERY_ROOM | {"Testing", "TestSupport", "CardConformance", "card_rig"},
}

IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?"
    r"import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias|actor)\s+)?(\w+)"
)


def folder(path: str) -> str | None:
    """The row of the table that speaks for a file."""
    rows = [row for row in DOORS if path.startswith(row + "/")]
    return max(rows, key=len, default=None)


def main() -> None:
    findings = []
    for path in files("Sources/*.swift", "firmware-sim/*.swift", "Tests/*.swift", "Benchmarks/*.swift"):
        row = folder(path)
        if row is None:
            findings.append(f"{path}: no row in Tests/House/doors.py says what this room may import")
            continue
        quoted = False
        for number, line in enumerate(text(path).splitlines(), start=1):
            # A multi-line string may hold a program of another language.
            was_quoted, quoted = quoted, quoted != (line.count('"""') % 2 == 1)
            match = None if was_quoted else IMPORT.match(line)
            if match and match[1] not in DOORS[row]:
                findings.append(f"{path}:{number}: {row} has no door to {match[1]}")
    report(findings)


main()
