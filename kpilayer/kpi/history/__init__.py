"""What was judged, kept for good: rows are appended, never changed (governance.md section 5)."""
