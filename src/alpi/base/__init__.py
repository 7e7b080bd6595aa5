"""What every room stands on: errors, files, journals, locks, clock, configuration, profile paths, redaction."""
