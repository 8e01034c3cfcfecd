import CenterServer

extension ServingOptions {
  /// The usual ones, but with time for clients that share a busy machine with everything else that is tested: the limits
  /// that bound them are tested one by one.
  static var patient: ServingOptions {
    var options = ServingOptions()
    options.limits = .patient
    return options
  }
}

extension ServerLimits {
  /// See ``ServingOptions/patient``.
  static var patient: ServerLimits {
    let ample = Duration.seconds(600)
    var limits = ServerLimits()
    limits.headerTime = ample
    limits.requestTime = ample
    limits.idleTime = ample
    limits.stallTime = ample
    limits.drainTime = ample
    limits.relay.stepTime = ample
    limits.relay.memoryTime = ample
    return limits
  }
}
