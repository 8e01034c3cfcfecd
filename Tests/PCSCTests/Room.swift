// The room for tests over PC/SC.
