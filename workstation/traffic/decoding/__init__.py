"""What the bytes of traffic say: PDUs and messages as fields, data sets as elements and files, two of them compared."""
