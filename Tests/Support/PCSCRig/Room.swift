// The room for a private pcscd.
