"""Lists of reminders, in each order and with each filter: for the API, the admin and the agenda."""
