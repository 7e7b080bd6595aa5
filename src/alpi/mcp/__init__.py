"""Tools of MCP servers: connected through the official SDK, pinned as they were approved, called through the gate.

names       what models call a tool; names that look like others
offers      a tool as a server offers it, and its hash
pins        the approved tools of each server, on the disk
reviewing   what a person should know of an offer; proposing: what they are shown before their yes, and what is kept after it
declaring   the owner's word that single tools only read; reading: how calls of those are judged
packages    which package a command would run, for the question to OSV
stdio, http, traffic    the SDK's transports: processes in the sandbox, addresses through the network guard, both bounded
logins      what logging in at an address has given, on the disk
oauth       logging in, and using that: the SDK's flow; courier carries its requests, redirects hears how it ends
connection  one server: connected in the background, retried, called with a time limit
results     what a server answers, for a model
tools       the pinned tools as tools of a conversation, and the one that stands for many
servers     all servers of one conversation

The SDK is imported when the first server is connected, and never without one.
"""
