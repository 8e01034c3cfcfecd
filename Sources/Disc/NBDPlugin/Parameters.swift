/// What follows the plugin's name on nbdkit's command line.
struct Parameters {
  /// The image's path.
  var disc: String?
  /// Whether nothing shall be written.
  var isReadOnly = false

  /// What `nbdkit --help` shows.
  static let help = """
    disc=<IMAGE>          (required) The image of the disc, made with 'warifu disc new'.
    read-only=true        Open the image for reading only; others may then read it too.
    """

  /// Why the parameters are not enough to serve a disc; `nil` if they are.
  var objection: String? {
    disc == nil ? "no disc was given: add disc=IMAGE, the image of a disc that 'warifu disc new' made" : nil
  }
}
