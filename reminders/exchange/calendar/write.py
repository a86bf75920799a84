def write(reminders, now):
    yield ""
