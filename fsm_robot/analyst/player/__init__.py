"""The run player: one HTML file in which a run is walked through, step by step."""
