"""The gate and the guards: what may run, be read and be written, and who must be asked."""
