"""Backups and archives of profiles: a tar stream of their files, sealed with a passphrase or plain, and the way back."""
