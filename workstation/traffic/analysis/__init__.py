"""What follows from traffic: states, order, time, and where something stands in it."""
