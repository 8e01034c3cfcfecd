// The room for the conformance suite.
