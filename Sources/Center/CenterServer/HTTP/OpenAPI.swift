import HTTPTypes

/// The OpenAPI 3.1 document of the endpoints that are served.
enum OpenAPI {
  /// The whole document.
  static func document(of endpoints: [Endpoint], title: String) -> JSON {
    var paths: [String: [String: JSON]] = [:]
    for endpoint in endpoints {
      paths[endpoint.path, default: [:]][endpoint.method.rawValue.lowercased()] = endpoint.document
    }
    let schemas = endpoints.reduce(into: Problem.schema.names) { names, endpoint in
      names.merge(endpoint.schemas) { first, _ in first }
    }
    return [
      "openapi": "3.1.0",
      "info": ["title": .text(title), "version": "1", "license": ["name": "see the licence centre's operator"]],
      "paths": .object(paths.mapValues { .object($0) }),
      "components": [
        "schemas": .object(schemas.mapValues(\.definition)),
        "securitySchemes": [
          "token": ["type": "http", "scheme": "bearer"], "ticket": ["type": "http", "scheme": "ticket"],
        ],
      ],
    ]
  }
}

extension Endpoint {
  /// Every problem that it may answer, whether it is its own or any endpoint's of its kind.
  var everyProblem: Set<Problem.Kind> {
    var kinds: Set<Problem.Kind> = [.malformed, .tooSlow, .tooMany, .headerTooLarge, .failed, .unavailable]
    switch access {
    case .anyone: break
    case .anyoneOrKnown: kinds.insert(.unauthenticated)
    case .roles: kinds.formUnion([.unauthenticated, .forbidden])
    case .ticket: kinds.formUnion([.unauthenticated, .refused])
    }
    if body != nil { kinds.formUnion([.bodyTooLarge, .wrongType]) }
    if wantsKey { kinds.insert(.keyReused) }
    return kinds.union([.invalid]).union(problems)
  }

  fileprivate var schemas: [String: Schema] {
    var names = body?.names ?? [:]
    if case .json(let schema) = answer.content { names.merge(schema.names) { first, _ in first } }
    for parameter in parameters { names.merge(parameter.schema.names) { first, _ in first } }
    return names
  }

  fileprivate var document: JSON {
    var members: [String: JSON] = [
      "operationId": .text(operation), "summary": .text(summary), "parameters": .array(parameterDocuments),
      "responses": .object(responseDocuments),
    ]
    switch access {
    case .anyone: members["security"] = []
    case .anyoneOrKnown: members["security"] = [[:], ["token": []]]
    case .ticket: members["security"] = [["ticket": []]]
    case .roles(let roles):
      members["security"] = [["token": []]]
      members["x-roles"] = .array(roles.map(\.rawValue).sorted().map { .text($0) })
    }
    if let body {
      members["requestBody"] = ["required": true, "content": ["application/json": ["schema": body.document]]]
    }
    return .object(members)
  }

  private var parameterDocuments: [JSON] {
    var documents = parameters.map { parameter -> JSON in
      [
        "name": .text(parameter.name), "in": .text(parameter.place.rawValue), "required": .bool(!parameter.isOptional),
        "description": .text(parameter.summary), "schema": parameter.schema.document,
      ]
    }
    if wantsKey {
      documents.append([
        "name": "Idempotency-Key", "in": "header", "required": true,
        "description":
          "Made at random for each thing to be done. Sent again, it repeats the answer and not the effect.",
        "schema": Schema.text(.hexadecimal(octets: 16...16)).document,
      ])
    }
    return documents
  }

  private var responseDocuments: [String: JSON] {
    let byStatus = Dictionary(grouping: everyProblem, by: \.status.code)
    var documents: [String: JSON] = [:]
    for (status, kinds) in byStatus {
      let names = kinds.map(\.rawValue).sorted().joined(separator: ", ")
      documents[String(status)] = [
        "description": .text("A problem: \(names)."),
        "content": .object([Problem.contentType: ["schema": Problem.schema.document]]),
      ]
    }
    let content: JSON =
      switch answer.content {
      case .json(let schema): ["application/json": ["schema": schema.document]]
      case .octets(let type): .object([type: ["schema": [:]]])
      }
    for (status, summary) in answer.others.merging([answer.status: answer.summary], uniquingKeysWith: { $1 }) {
      documents[String(status.code)] = ["description": .text(summary), "content": content]
    }
    return documents
  }
}
