"""ALP, the Alpi Link Protocol: `core` is the protocol without I/O, `io` the sockets around it. docs/ALP.md has the wire."""
