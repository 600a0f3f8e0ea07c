"""Runs as traces and metrics of OpenTelemetry; imported only where `[telemetry]` names a collector."""
