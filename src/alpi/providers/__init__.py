"""Models: one Provider protocol (request in, events out), a pure parser per wire, and the local model."""
