/// Problems as people read them at a browser.
extension Problem {
  /// What to do about it. Advice for programs is put into words for people.
  var pageDetail: String {
    switch kind {
    case .unavailable, .failed:
      kind == .unavailable
        ? "The centre cannot do it just now. Wait a moment, then reload this page: nothing is done twice."
        : "Something went wrong inside the centre. Tell its operator the number below."
    default: detail
    }
  }
}

extension Problem.Kind {
  /// What went wrong, as a heading.
  var pageTitle: String {
    switch self {
    case .malformed, .wrongType, .bodyTooLarge, .headerTooLarge: "The form did not arrive as it should"
    case .invalid: "Something in the form is not right"
    case .unauthenticated: "Please sign in first"
    case .forbidden: "You may not do this"
    case .notFound: "There is no such page or thing"
    case .wrongMethod: "This page cannot be opened this way"
    case .tooSlow: "That took too long"
    case .range: "The file has no such part"
    case .conflict, .dialogueOver, .outOfStep: "This cannot be done now"
    case .limitReached: "A limit is reached"
    case .payment: "The payment was refused"
    case .refused: "This code is good for nothing here"
    case .card: "The card did not do its part"
    case .unprocessable: "This cannot be done"
    case .keyReused: "This form was sent before"
    case .tooMany: "Too many at once"
    case .failed: "The centre failed"
    case .unavailable: "Not just now"
    }
  }
}
