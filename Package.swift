// swift-tools-version: 6.2
import PackageDescription

/// What every target of ours is compiled with.
let house: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

/// A library target; `room` is its folder.
func room(_ name: String, in room: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, path: "\(room)/\(name)", swiftSettings: house)
}

/// The tests of one module, beside what they need; `exclude` names what no compiler reads.
///
/// Tests themselves are never optimised, only what they test: Swift 6.3.1 crashes while it optimises some asynchronous
/// ones (coroutine splitting). Unsafe flags here bind nobody, since no product contains a test.
func tests(of name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)Tests", exclude: exclude,
    swiftSettings: house + [.unsafeFlags(["-Onone"], .when(configuration: .release))])
}

let wire: [Target.Dependency] = ["Octets", "Identifiers", "ISO7816", "SecureChannel", "CardProtocol"]

/// What serves and asks over HTTP.
let serving: [Target.Dependency] = [
  .product(name: "Hummingbird", package: "hummingbird"), .product(name: "HummingbirdCore", package: "hummingbird"),
  .product(name: "HTTPTypes", package: "swift-http-types"), .product(name: "Logging", package: "swift-log"),
  .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
  .product(name: "UnixSignals", package: "swift-service-lifecycle"),
  .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
  .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
  .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
  .product(name: "AsyncHTTPClient", package: "async-http-client"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
]

let package = Package(
  name: "warifu",
  products: [
    .library(
      name: "CardDriver",
      targets: [
        "CardDriver", "ISO7816", "SecureChannel", "CardProtocol", "Identifiers", "Cryptography", "Octets", "Sockets",
      ]),
    .library(name: "CardEmulator", targets: ["CardEmulator", "ISO7816", "Cryptography", "Sockets"]),
    .library(name: "DiscDriver", targets: ["DiscDriver", "SCSI", "Identifiers"]),
    .library(name: "DiscEmulator", targets: ["DiscEmulator", "SCSI"]),
    .library(name: "ISCSITarget", targets: ["ISCSITarget", "DiscEmulator"]),
    // What nbdkit loads: `nbdkit ./libwarifu-nbd.so disc=IMAGE`.
    .library(name: "warifu-nbd", type: .dynamic, targets: ["NBDPlugin"]),
    .library(name: "CopyLicensing", targets: ["CopyLicensing", "Formats", "Identifiers"]),
    .library(name: "LicenseCenter", targets: ["LicenseCenter", "ChallengeAccess", "Formats", "Identifiers"]),
    .library(
      name: "ChallengeAccess",
      targets: ["ChallengeAccess", "Formats", "CardProtocol", "Cryptography", "Identifiers", "Octets"]),
    .library(
      name: "CenterClient", targets: ["CenterClient", "ChallengeAccess", "CardDriver", "Formats", "Identifiers"]),
    .library(name: "WarifuTesting", targets: ["WarifuTesting"]),
    .executable(name: "warifu", targets: ["warifu"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
  ],
  targets: [
    // System: module maps and shim headers, no logic.
    .systemLibrary(
      name: "COpenSSL", path: "Sources/System/COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CArchive", path: "Sources/System/CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
    .systemLibrary(
      name: "CPCSC", path: "Sources/System/CPCSC", pkgConfig: "libpcsclite", providers: [.apt(["libpcsclite-dev"])]),
    .systemLibrary(
      name: "CPostgreSQL", path: "Sources/System/CPostgreSQL", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(
      name: "CQREncode", path: "Sources/System/CQREncode", pkgConfig: "libqrencode",
      providers: [.apt(["libqrencode-dev"])]),
    .systemLibrary(name: "CLinux", path: "Sources/System/CLinux"),
    .systemLibrary(
      name: "CNBDKit", path: "Sources/System/CNBDKit", pkgConfig: "nbdkit", providers: [.apt(["nbdkit-plugin-dev"])]),

    // Wire: pure values and codecs, shared by firmware and host.
    room("Octets", in: "Sources/Wire"),
    room("Identifiers", in: "Sources/Wire", ["Octets"]),
    room("ISO7816", in: "Sources/Wire", ["Octets"]),
    room("SecureChannel", in: "Sources/Wire", ["Octets", "ISO7816"]),
    room("SCSI", in: "Sources/Wire", ["Octets"]),
    room("CardProtocol", in: "Sources/Wire", ["Octets", "Identifiers", "ISO7816"]),
    room("ISCSI", in: "Sources/Wire", ["Octets", "SCSI"]),

    // What runs inside the devices.
    room("CardFirmware", in: "firmware-sim", wire),
    room("DriveFirmware", in: "firmware-sim", ["Octets", "Identifiers", "SCSI"]),

    // The one door to OpenSSL.
    room(
      "Cryptography", in: "Sources",
      ["COpenSSL", "CLinux", "Octets", "Identifiers", "ISO7816", "SecureChannel", "CardProtocol"]),

    // The one door to stream sockets.
    room("Sockets", in: "Sources", ["CLinux", "Octets", "ISO7816"]),

    // Card and disc, each an emulator and a driver that never meet but in bytes.
    room("CardEmulator", in: "Sources/Card", ["CardFirmware", "Cryptography", "Sockets", "CLinux"] + wire),
    room("CardDriver", in: "Sources/Card", ["Cryptography", "Sockets", "CLinux", "CPCSC"] + wire),
    room(
      "DiscEmulator", in: "Sources/Disc", ["DriveFirmware", "SCSI", "Octets", "Identifiers", "Cryptography", "CLinux"]),
    // The emulated drive for other programs: over iSCSI, and as a plugin of nbdkit.
    room(
      "ISCSITarget", in: "Sources/Disc",
      [
        "DiscEmulator", "DriveFirmware", "ISCSI", "SCSI", "Octets", "Cryptography", "CLinux",
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
      ]),
    room(
      "NBDPlugin", in: "Sources/Disc",
      ["DiscEmulator", "DriveFirmware", "SCSI", "Octets", "Identifiers", "CNBDKit", "CLinux"]),
    room("DiscDriver", in: "Sources/Disc", ["SCSI", "Octets", "Identifiers", "Cryptography", "CArchive", "CLinux"]),

    // Licensing.
    room("Formats", in: "Sources/Licensing", ["Octets", "Identifiers", "ISO7816", "CardProtocol", "Cryptography"]),
    room(
      "CopyLicensing", in: "Sources/Licensing",
      ["Formats", "CardDriver", "DiscDriver", "Cryptography", "CLinux", "SCSI"] + wire),

    // Both sides of getting in by challenge and answer.
    room(
      "ChallengeAccess", in: "Sources/Licensing",
      ["Formats", "CardProtocol", "Cryptography", "Identifiers", "Octets"]),

    // The licence centre: no driver in the server.
    room(
      "LicenseCenter", in: "Sources/Center",
      [
        "Formats", "ChallengeAccess", "Cryptography", "CLinux", "CPostgreSQL",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ] + wire),

    // The centre over HTTP, and its pages.
    room(
      "CenterServer", in: "Sources/Center",
      [
        "LicenseCenter", "ChallengeAccess", "Formats", "Cryptography", "CLinux", "CQREncode",
        .product(name: "Mustache", package: "swift-mustache"),
      ] + wire + serving),

    // The other end of the line: logging in, relaying, redeeming.
    room(
      "CenterClient", in: "Sources/Center",
      [
        "ChallengeAccess", "CardDriver", "Formats", "Cryptography", "CLinux",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ] + wire),

    // For users' own test suites, and ours.
    room(
      "WarifuTesting", in: "Sources/Testing",
      [
        "CardEmulator", "CardDriver", "CardFirmware", "DiscEmulator", "DiscDriver", "DriveFirmware", "SCSI", "Formats",
        "CopyLicensing", "LicenseCenter", "Cryptography",
      ] + wire),

    .executableTarget(
      name: "warifu",
      dependencies: [
        "CardEmulator", "CardDriver", "DiscEmulator", "DiscDriver", "ISCSITarget", "ISCSI", "DriveFirmware", "SCSI",
        "Formats",
        "CopyLicensing", "LicenseCenter", "CenterServer", "CenterClient", "ChallengeAccess", "Cryptography", "Sockets",
        "CLinux", .product(name: "Logging", package: "swift-log"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ] + wire,
      path: "Sources/Command/warifu", swiftSettings: house),
    .executableTarget(
      name: "warifu-bench",
      dependencies: [
        "WarifuTesting", "CardEmulator", "CardDriver", "DiscEmulator", "DiscDriver", "SCSI", "Formats", "CopyLicensing",
        "LicenseCenter", "Cryptography", "COpenSSL", "CLinux", "PCSCRig", "DriveRig", "ISCSITarget", "DriveFirmware",
        "answer-at-once", "PostgresRig", "CenterServer", "CenterClient", .product(name: "GRDB", package: "GRDB.swift"),
      ] + wire + serving,
      path: "Benchmarks", exclude: ["Reference/AnswerAtOnce"], swiftSettings: house),
    // What cards are measured against, in C and in a process of its own.
    .executableTarget(name: "answer-at-once", path: "Benchmarks/Reference/AnswerAtOnce"),

    // What tests run in a process of its own.
    .executableTarget(
      name: "card-rig",
      dependencies: [
        "TestSupport", "PCSCRig", "CardConformance", "CardEmulator", "CardDriver", "CardFirmware", "Cryptography",
      ] + wire,
      path: "Tests/Support/CardRig", swiftSettings: house),

    // What several suites share.
    .target(name: "TestSupport", path: "Tests/Support/TestSupport", swiftSettings: house),

    // A PostgreSQL of one's own.
    .target(
      name: "PostgresRig", dependencies: ["CPostgreSQL", "CLinux"], path: "Tests/Support/PostgresRig",
      swiftSettings: house),
    // A real browser, and what its pages must be for everybody.
    .target(
      name: "BrowserRig",
      dependencies: [
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ],
      path: "Tests/Support/BrowserRig", swiftSettings: house),
    // A centre in a process of its own, to be killed.
    .executableTarget(
      name: "center-rig",
      dependencies: [
        "LicenseCenter", "CenterServer", "Formats", "Cryptography", "Identifiers", "Octets",
        .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: "swift-nio"),
      ],
      path: "Tests/Support/CenterRig", exclude: ["Shim"], swiftSettings: house),

    // A pcscd of one's own, and what every way to a card must do.
    .target(
      name: "PCSCRig", dependencies: ["CLinux", "CPCSC"], path: "Tests/Support/PCSCRig",
      swiftSettings: house),
    .target(
      name: "CardConformance", dependencies: ["TestSupport", "CardDriver", "Cryptography"] + wire,
      path: "Tests/Support/CardConformance", swiftSettings: house),

    // Exports and foreign programs that use them, and what every way to a drive must do.
    .target(
      name: "DriveRig",
      dependencies: [
        "TestSupport", "ISCSITarget", "ISCSI", "DiscEmulator", "DriveFirmware", "SCSI", "Octets", "Identifiers",
        "CLinux",
      ],
      path: "Tests/Support/DriveRig", exclude: ["Shim"], swiftSettings: house),
    .target(
      name: "DriveConformance", dependencies: ["TestSupport", "DiscDriver", "SCSI", "Octets", "Identifiers"],
      path: "Tests/Support/DriveConformance", swiftSettings: house),
    // What tests run in a process of its own, so that a shim can stand between it and the kernel.
    .executableTarget(
      name: "drive-probe", dependencies: ["DriveConformance", "DiscDriver", "SCSI", "Octets", "Identifiers"],
      path: "Tests/Support/DriveProbe", swiftSettings: house),

    // What libFuzzer feeds; `make fuzz` builds it with coverage, the tests replay its corpora.
    .target(
      name: "FuzzTargets", dependencies: ["CardFirmware", "DriveFirmware", "SCSI", "ISCSI", "Cryptography"] + wire,
      path: "Tests/Fuzz/Targets",
      swiftSettings: house),

    tests(of: "Fuzz", ["FuzzTargets", "TestSupport"]),
    tests(of: "Octets", ["Octets"]),
    tests(of: "Identifiers", ["Identifiers", "Octets", "CardProtocol"]),
    tests(of: "ISO7816", ["TestSupport", "ISO7816", "Octets"]),
    tests(
      of: "SecureChannel", ["TestSupport", "SecureChannel", "ISO7816", "Octets", "Cryptography"], exclude: ["scp03.py"]),
    tests(of: "SCSI", ["TestSupport", "SCSI", "Octets"]),
    tests(of: "Cryptography", ["Cryptography", "SecureChannel", "Octets", "Identifiers", "CLinux"]),
    tests(of: "CardFirmware", ["TestSupport", "CardFirmware", "Cryptography"] + wire),
    tests(
      of: "Card",
      [
        "TestSupport", "CardConformance", "card-rig", "CardEmulator", "CardDriver", "Sockets", "CardFirmware",
        "Cryptography", "CLinux",
      ] + wire,
      exclude: ["Fixtures"]),
    tests(
      of: "PCSC",
      [
        "card-rig", "TestSupport", "PCSCRig", "CardConformance", "CardEmulator", "CardDriver", "CardFirmware",
        "Cryptography", "Sockets", "CLinux", "warifu",
      ] + wire,
      exclude: ["Clients"]),
    tests(
      of: "DriveFirmware", ["TestSupport", "DriveFirmware", "DiscEmulator", "SCSI", "Octets", "Identifiers", "CLinux"]),
    tests(
      of: "Disc",
      [
        "TestSupport", "DriveConformance", "DiscEmulator", "DiscDriver", "DriveFirmware", "SCSI", "Octets",
        "Identifiers", "Cryptography", "CLinux",
      ]),
    tests(
      of: "ISCSI",
      [
        "TestSupport", "DriveRig", "ISCSI", "ISCSITarget", "DiscEmulator", "DriveFirmware", "SCSI", "Octets",
        "Identifiers", "Cryptography", "CLinux",
      ]),
    tests(
      of: "Export",
      [
        "TestSupport", "DriveRig", "DriveConformance", "drive-probe", "ISCSITarget", "NBDPlugin", "DiscEmulator",
        "DiscDriver", "DriveFirmware", "SCSI", "Octets", "Identifiers", "Cryptography", "CLinux", "warifu",
      ]),
    tests(of: "Formats", ["Formats", "Cryptography", "Octets", "Identifiers", "ISO7816"]),
    tests(
      of: "LicenseCenter",
      [
        "TestSupport", "PostgresRig", "center-rig", "LicenseCenter", "ChallengeAccess", "Formats", "Cryptography",
        "CardFirmware", "CardEmulator", "CardDriver", "CLinux",
      ] + wire,
      exclude: ["Reference"]),
    tests(
      of: "ChallengeAccess",
      [
        "TestSupport", "ChallengeAccess", "Formats", "CardProtocol", "Cryptography", "Identifiers", "Octets",
      ]),
    tests(
      of: "CenterServer",
      [
        "TestSupport", "BrowserRig", "PostgresRig", "PCSCRig", "center-rig", "CenterServer", "CenterClient",
        "LicenseCenter", "ChallengeAccess", "Formats", "Cryptography", "CardEmulator", "CardDriver", "CardFirmware",
        "Sockets", "CLinux",
      ] + wire + serving),
    tests(
      of: "CopyLicensing",
      [
        "WarifuTesting", "CopyLicensing", "CardDriver", "CardEmulator", "DiscDriver", "DiscEmulator", "LicenseCenter",
        "DriveFirmware", "Formats", "Cryptography", "CLinux", "SCSI",
      ] + wire),
    tests(
      of: "Command",
      [
        "TestSupport", "PostgresRig", "WarifuTesting", "CardEmulator", "CardDriver", "DiscEmulator", "DriveFirmware",
        "LicenseCenter", "Formats", "Cryptography", "CLinux",
      ] + wire,
      exclude: ["terminal.py"]),
  ]
)
