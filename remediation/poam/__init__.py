"""The plan of action and milestones: its rows from findings, as OSCAL and as a workbook; no database is asked here."""
