"""What runs while nobody is looking: services under supervision, their health, and the system's service managers."""
