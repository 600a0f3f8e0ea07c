"""The embedded orchestrator: a real HTTP server on loopback for the demo, the tests and script authors."""
