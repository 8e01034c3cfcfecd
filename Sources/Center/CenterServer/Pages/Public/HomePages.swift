/// The first page, and what all pages look like.
enum HomePages {
  static let all: [Page] = [
    .look("/", "showHome") { _ in .html("home", [:]) },
    .look("/style.css", "getStyle") { _ in
      PageReply(content: .part(Array(Stylesheet.text.utf8), type: "text/css; charset=utf-8"))
    },
  ]
}
