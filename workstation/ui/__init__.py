"""What a person sees. The only place that knows Qt."""
