"""What all formats read with: limits, text and JSON streams, tables, workbooks, severities, fingerprints, records."""
