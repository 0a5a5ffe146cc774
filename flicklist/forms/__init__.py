"""The forms: their fields, limits and error messages."""
