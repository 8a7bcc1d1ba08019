"""The rules of the expert notes, by what they look at. `experts` runs them."""
