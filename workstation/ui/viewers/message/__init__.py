"""The panes about the message that is selected: fields, bytes, finding and copying."""
