import CNBDKit
import DiscEmulator
import Glibc
import Synchronization

/// What nbdkit asks a plugin for when it has loaded it: the table of its functions, nbdkit-plugin(3).
///
/// The table lives as long as the process.
@c(plugin_init)
public func pluginInit() -> UnsafeMutablePointer<nbdkit_plugin> {
  let plugin = UnsafeMutablePointer<nbdkit_plugin>.allocate(capacity: 1)
  plugin.initialize(to: nbdkit_plugin())
  warifu_nbdkit_register(plugin, NBDKIT_THREAD_MODEL_PARALLEL)
  Plugin.describe(&plugin.pointee)
  Plugin.addConfiguration(&plugin.pointee)
  Plugin.addExports(&plugin.pointee)
  Plugin.addProperties(&plugin.pointee)
  Plugin.addRequests(&plugin.pointee)
  return plugin
}

/// The plugin as nbdkit knows it. One disc for a server, one ``Export`` for a connection.
enum Plugin {
  private static let parameters = Mutex(Parameters())
  private static let served = Mutex<ServedDisc?>(nil)

  fileprivate static func describe(_ plugin: inout nbdkit_plugin) {
    plugin.name = permanent("warifu")
    plugin.longname = permanent("Warifu magneto-optical disc")
    plugin.description = permanent("serves an emulated magneto-optical disc, and beside it its medium id")
    plugin.config_help = permanent(Parameters.help)
    plugin.magic_config_key = permanent("disc")
  }

  // MARK: Before the first connection

  fileprivate static func addConfiguration(_ plugin: inout nbdkit_plugin) {
    plugin.config = { key, value in
      guard let key, let value else { return -1 }
      return Plugin.configure(String(cString: key), value)
    }
    plugin.config_complete = {
      guard let objection = Plugin.parameters.withLock({ $0.objection }) else { return 0 }
      return Plugin.complain(objection)
    }
    // Before nbdkit goes into the background: whoever started it sees why an image cannot be opened. The lock belongs
    // to the open file, which the child inherits.
    plugin.get_ready = {
      let parameters = Plugin.parameters.withLock { $0 }
      guard let path = parameters.disc else { return -1 }
      do throws(DiscImageError) {
        let disc = try ServedDisc(openingAt: path, readOnly: parameters.isReadOnly)
        Plugin.served.withLock { $0 = disc }
        return 0
      } catch {
        return Plugin.complain(error.description)
      }
    }
    plugin.cleanup = { Plugin.served.withLock { $0 = nil } }
  }

  private static func configure(_ key: String, _ value: UnsafePointer<CChar>) -> Int32 {
    switch key {
    case "disc":
      return Plugin.parameters.withLock { parameters in
        guard parameters.disc == nil else { return Plugin.complain("disc= was given twice: a server has one disc") }
        parameters.disc = String(cString: value)
        return 0
      }
    case "read-only":
      let isReadOnly = nbdkit_parse_bool(value)  // has complained when it is -1
      guard isReadOnly >= 0 else { return -1 }
      Plugin.parameters.withLock { $0.isReadOnly = isReadOnly == 1 }
      return 0
    default:
      return Plugin.complain(
        "there is no parameter '\(key)': use disc=IMAGE, and read-only=true if nothing shall be written")
    }
  }

  // MARK: Exports

  fileprivate static func addExports(_ plugin: inout nbdkit_plugin) {
    plugin.list_exports = { _, _, exports in
      guard let disc = Plugin.served.withLock({ $0 }) else { return -1 }
      for name in ExportName.all {
        guard nbdkit_add_export(exports, name, disc.export(named: name)?.description) == 0 else { return -1 }
      }
      return 0
    }
    plugin.default_export = { _, _ in nbdkit_strdup_intern(ExportName.blocks) }
    plugin.open = { _ in
      guard let disc = Plugin.served.withLock({ $0 }), let name = nbdkit_export_name().map({ String(cString: $0) })
      else {
        return nil
      }
      guard let export = disc.export(named: name) else {
        nbdkit_set_error(ENOENT)
        Plugin.complain("there is no export '\(name)': use '' for the blocks, or 'id' for the medium id")
        return nil
      }
      return Unmanaged.passRetained(Connection(export)).toOpaque()
    }
    plugin.close = { handle in
      guard let handle else { return }
      Unmanaged<Connection>.fromOpaque(handle).release()
    }
    plugin.export_description = { nbdkit_strdup_intern(Plugin.export($0)?.description ?? "") }
  }

  fileprivate static func addProperties(_ plugin: inout nbdkit_plugin) {
    plugin.get_size = { handle in Plugin.export(handle).map { Int64(clamping: $0.size) } ?? -1 }
    plugin.block_size = { handle, minimum, preferred, maximum in
      let sizes = Plugin.export(handle)?.blockSizes
      minimum?.pointee = sizes?.minimum ?? 0
      preferred?.pointee = sizes?.preferred ?? 0
      maximum?.pointee = sizes?.maximum ?? 0
      return 0
    }
    plugin.can_write = { handle in Plugin.export(handle)?.isWritable == true ? 1 : 0 }
    plugin.can_flush = { _ in 1 }
    plugin.can_fua = { _ in NBDKIT_FUA_NATIVE }
    // One file is behind all connections, and a flush of one makes lasting what the others wrote.
    plugin.can_multi_conn = { _ in 1 }
    plugin.is_rotational = { _ in 1 }
    plugin.can_zero = { handle in Plugin.export(handle)?.isWritable == true ? 1 : 0 }
    plugin.can_fast_zero = { _ in 0 }
    // What is erased cannot be read, so a disc has nothing like trimming.
    plugin.can_trim = { _ in 0 }
  }

  // MARK: Requests

  fileprivate static func addRequests(_ plugin: inout nbdkit_plugin) {
    plugin.pread = { handle, buffer, count, offset, _ in
      Plugin.serve(handle) { (export) throws(ExportError) in
        try export.read(at: offset, into: UnsafeMutableRawBufferPointer(start: buffer, count: Int(count)))
      }
    }
    plugin.pwrite = { handle, data, count, offset, flags in
      Plugin.serve(handle, flags) { (export) throws(ExportError) in
        try export.write(at: offset, UnsafeRawBufferPointer(start: data, count: Int(count)))
      }
    }
    plugin.zero = { handle, count, offset, flags in
      Plugin.serve(handle, flags) { (export) throws(ExportError) in try export.zero(at: offset, count: UInt64(count)) }
    }
    plugin.flush = { handle, _ in Plugin.serve(handle) { (export) throws(ExportError) in try export.flush() } }
  }

  /// Runs a request, and a flush behind it if `flags` want it lasting (FUA).
  private static func serve(
    _ handle: UnsafeMutableRawPointer?, _ flags: UInt32 = 0, _ body: (any Export) throws(ExportError) -> Void
  ) -> Int32 {
    guard let export = Plugin.export(handle) else { return -1 }
    do throws(ExportError) {
      try body(export)
      if flags & UInt32(NBDKIT_FLAG_FUA) != 0 { try export.flush() }
      return 0
    } catch {
      nbdkit_set_error(error.number)
      return Plugin.complain(error.message)
    }
  }

  private static func export(_ handle: UnsafeMutableRawPointer?) -> (any Export)? {
    handle.map { Unmanaged<Connection>.fromOpaque($0).takeUnretainedValue().export }
  }

  // MARK: Words

  /// Tells why something did not work. Always -1, what nbdkit takes for that.
  @discardableResult
  private static func complain(_ message: String) -> Int32 {
    warifu_nbdkit_error(message)
    return -1
  }

  private static func permanent(_ text: String) -> UnsafePointer<CChar>? { UnsafePointer(strdup(text)) }
}

/// What nbdkit holds for each connection.
private final class Connection {
  let export: any Export

  init(_ export: any Export) { self.export = export }
}
