"""The state machine, one side or both."""
