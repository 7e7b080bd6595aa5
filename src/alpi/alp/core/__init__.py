"""The link protocol as values: bytes, time and randomness go in, bytes and events come out. No sockets, no clock, no agent.

Nothing is imported here, so that reading a card or a peer list does not load the cryptography of a session.
"""
