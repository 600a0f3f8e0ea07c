"""BPMN: as analysts draw it, as engines execute it, and back."""
