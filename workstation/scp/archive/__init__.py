"""Objects that were received: files on disk, their index, browsing, import and export."""
