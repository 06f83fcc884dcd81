"""Template + records → plan. Pure."""
