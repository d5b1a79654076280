"""Pages of data (uploads) and contacts."""
