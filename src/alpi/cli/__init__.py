"""The command line, one file per command. ``runtime`` is the only place that builds concrete objects together."""
