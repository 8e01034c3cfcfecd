import CLinux
import Foundation
import Glibc

/// The process that holds a server and ends it in time.
struct PostgresSupervisor {
  /// Whether clients are taken.
  enum State: String {
    case up
    case down
  }

  /// Runs with the folder as $1, and `fsync` as $2.
  ///
  /// Its standard input is a pipe whose other end the test process holds: lines on it are orders, its closing ends the
  /// server and removes the folder. The server is its child, ended by its id.
  private static let script = """
    set -eu
    exec 3<&0 </dev/null
    folder=$1 fsync=$2
    programs=$(printf '%s\\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    [ -x "$programs/postgres" ] || { echo 'Install the Debian package postgresql.'; exit 1; }
    as=
    if [ "$(id -u)" = 0 ]; then
      chown postgres: "$folder"
      as='setpriv --reuid=postgres --regid=postgres --init-groups'
    fi
    cd "$folder"
    $as mkdir socket
    $as "$programs/initdb" --pgdata=data --username=warifu --auth=trust --encoding=UTF8 --locale=C --no-sync

    start() {
      $as "$programs/postgres" -D data -c listen_addresses= -c unix_socket_directories="$folder/socket" \\
        -c fsync="$fsync" -c max_connections=400 -c autovacuum_naptime=10s 3<&- &
      server=$!
      until "$programs/pg_isready" --quiet --host="$folder/socket"; do
        kill -0 $server || return 1
        sleep 0.02
      done
      echo up >state
    }
    end() {
      kill -QUIT $server && kill -CONT $server || :
      wait $server || :
      echo down >state
    }
    start
    while read -r order <&3; do
      case $order in
        up) start ;;
        down) end ;;
      esac
    done
    end
    cd /
    rm -rf "$folder"
    """

  private let process: Process
  /// The end of the pipe that the script watches.
  private let line: FileHandle
  private let folder: String

  init(folder: String, isDurable: Bool) throws {
    var ends: [Int32] = [0, 0]
    let logFile = folder + "/log"
    // Nobody else that this process starts may hold the line open.
    guard warifu_pipe(&ends) == 0, FileManager.default.createFile(atPath: logFile, contents: nil),
      let log = FileHandle(forWritingAtPath: logFile)
    else { throw PostgresRigError("There is no pipe or log for a server: \(String(cString: strerror(errno))).") }
    self.folder = folder
    line = FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
    process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", PostgresSupervisor.script, "warifu-postgres", folder, isDurable ? "on" : "off"]
    process.standardInput = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
    process.standardOutput = log
    process.standardError = log
    try process.run()
  }

  /// Has the server started or ended; ``waitUntil(_:)`` returns when it is.
  func order(_ state: State) throws { try line.write(contentsOf: Data("\(state.rawValue)\n".utf8)) }

  /// Returns when the server is in this state.
  func waitUntil(_ state: State) throws {
    try wait(for: state.rawValue) {
      (try? String(contentsOfFile: folder + "/state", encoding: .utf8)) == state.rawValue + "\n"
    }
  }

  /// Returns when something is so, which has a name for people.
  func wait(for name: String, isSo: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(300)
    while try !isSo() {
      guard process.isRunning, .now < deadline else {
        let log = (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? ""
        throw PostgresRigError("PostgreSQL is not \(name):\n\(log)")
      }
      usleep(5_000)
    }
  }

  /// Ends the server and removes the folder.
  func stop() {
    try? line.close()
    process.waitUntilExit()
  }
}
