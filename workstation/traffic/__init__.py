"""What went over the wire: records, their log, and what can be derived from them. No Qt."""
