"""A model on this machine: its weights, llama.cpp's server in a child process, and the kept state of its prompt prefix."""
