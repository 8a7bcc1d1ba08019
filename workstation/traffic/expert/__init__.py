"""What a specialist would remark on traffic, with evidence, clause and remedy."""
