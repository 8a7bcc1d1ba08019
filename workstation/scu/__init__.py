"""What we ask others: jobs that run one request from association to result. No Qt."""
