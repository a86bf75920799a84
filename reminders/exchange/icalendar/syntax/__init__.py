"""Content lines, components and values of iCalendar."""
