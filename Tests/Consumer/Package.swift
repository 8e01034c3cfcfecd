// swift-tools-version: 6.2
import PackageDescription

// Another project that uses Warifu: it sees the products and nothing else. `make test` builds and runs its tests.
let package = Package(
  name: "consumer",
  dependencies: [.package(name: "warifu", path: "../..")],
  targets: [
    .target(
      name: "Kiosk", dependencies: [.product(name: "CardDriver", package: "warifu")],
      swiftSettings: [.treatAllWarnings(as: .error)]),
    .testTarget(
      name: "KioskTests", dependencies: ["Kiosk", .product(name: "CardEmulator", package: "warifu")],
      swiftSettings: [.treatAllWarnings(as: .error)]),
  ]
)
