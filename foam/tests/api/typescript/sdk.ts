// A program that uses the client of @hey-api/openapi-ts. It must compile without a cast.
import { remindersBatch, remindersCreate, remindersList, remindersParse } from "./client/index.js";
import type { ReminderDueMessage } from "./client/index.js";

export const title = (message: ReminderDueMessage): string => message.data.title;

export async function fromSentence(text: string): Promise<string> {
  const { data: parsed, error } = await remindersParse({ body: { text } });
  if (!parsed) return error?.code ?? "";
  const created = await remindersCreate({ body: parsed.reminder });
  const added = await remindersCreate({ body: { text, channels: [1] } });
  if (added.data && "understood" in added.data) return added.data.understood[0]?.field ?? "";
  return created.data?.title ?? "";
}

export async function titles(): Promise<string[]> {
  const { data } = await remindersList({ query: { tag: ["a", "b"], ordering: "-next_due_at" } });
  const rest = data?.next_cursor ? await remindersList({ query: { cursor: data.next_cursor } }) : null;
  return [...(data?.results ?? []), ...(rest?.data?.results ?? [])].map((row) => row.title);
}

export const batch = () =>
  remindersBatch({
    body: {
      dry_run: true,
      items: [
        { op: "create", fields: { title: "Tea", starts_at: "2030-01-07T18:00:00" } },
        { op: "update", id: 7, fields: { title: "New" } },
        { op: "delete", id: 7 },
      ],
    },
  });
