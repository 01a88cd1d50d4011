"""The parts of report.html: what it shows (view), its charts, its template, style and script."""
