"""Setting a profile up: sections of questions over an ``Interview``, each writing config.yaml and .env once, at its end."""
