"""What the viewers of data sets are made of: the tree of elements, pictures, and the comparison of two."""
