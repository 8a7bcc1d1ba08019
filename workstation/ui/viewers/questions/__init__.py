"""Questions of the test server: events that wait for the person's answer, beside the traffic."""
