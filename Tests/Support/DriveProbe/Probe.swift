/// A program that looks at a drive, run under a preload shim by tests.
@main
enum Probe {
  static func main() {}
}
