"""The live views of the traffic, linked with each other."""
