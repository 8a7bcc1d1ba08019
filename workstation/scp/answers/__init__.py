"""The built-in answers: a module for each service class, and the contexts that go with them."""
