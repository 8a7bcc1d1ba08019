"""The state machine of the upper layer and what stands around it (PS3.8 section 9.2); pure: no socket, no thread."""
