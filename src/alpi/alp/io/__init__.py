"""Links over real sockets: the node that answers, the client that asks, and the files of an identity. It knows nothing of the agent."""
