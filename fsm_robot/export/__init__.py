"""A definition -> text in one format per module. Pure."""
