"""What may be typed into each form, and the message when it is refused."""
