// Prints when the events of the calendars here begin, as ical.js reads them (npm install ical.js):
//   node expected_by_ical_js.mjs google.ics apple.ics … > expected_by_ical_js.json
// A date is printed as a date, a time without a zone without one, all else in UTC.
import { readFileSync } from "node:fs";
import ICAL from "ical.js";

const BEGIN = Date.UTC(2027, 0, 1) / 1000;
const END = Date.UTC(2029, 0, 1) / 1000;

function printed(time) {
  if (time.isDate || time.zone === ICAL.Timezone.localTimezone) return time.toString();
  return new Date(time.toUnixTime() * 1000).toISOString().replace(".000Z", "Z");
}

function read(file) {
  const found = {};
  const root = new ICAL.Component(ICAL.parse(readFileSync(file, "utf8")));
  for (const zone of root.getAllSubcomponents("vtimezone")) {
    ICAL.TimezoneService.register(new ICAL.Timezone(zone));
  }
  const events = root.getAllSubcomponents("vevent").map((each) => new ICAL.Event(each));
  for (const event of events.filter((each) => !each.isRecurrenceException())) {
    for (const other of events) {
      if (other.isRecurrenceException() && other.uid === event.uid) event.relateException(other);
    }
    const times = event.isRecurring() ? event.iterator() : [event.startDate].values();
    for (;;) {
      const step = event.isRecurring() ? times.next() : times.next().value;
      if (!step || step.toUnixTime() > END) break;
      const { item, startDate } = event.getOccurrenceDetails(step);
      if (startDate.toUnixTime() < BEGIN) continue;
      (found[item.summary] ??= []).push(printed(startDate));
    }
  }
  return found;
}

const files = Object.fromEntries(process.argv.slice(2).map((file) => [file, read(file)]));
console.log(JSON.stringify(files, null, 1));
