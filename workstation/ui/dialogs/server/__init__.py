"""The dialog of the test servers: which there are, where they listen, whom they accept, how they answer."""
