// A program that uses the types of openapi-typescript. It must compile without a cast.
import createClient from "openapi-fetch";
import type { components, paths, webhooks } from "./foam.js";

const client = createClient<paths>({ baseUrl: "https://foam.example.org" });

type Content<W extends keyof webhooks> =
  webhooks[W]["post"]["requestBody"]["content"]["application/json"];
type Message = Content<"reminder.due"> | Content<"reminder.digest"> | Content<"channel.verify">;

export function answer(message: Message): string {
  switch (message.type) {
    case "reminder.due":
      return `${message.data.reminder_id} ${message.data.title}`;
    case "reminder.digest":
      return `${message.data.count}`;
    case "channel.verify":
      return message.data.challenge;
  }
}

export async function fromSentence(text: string): Promise<string> {
  const { data: parsed, error } = await client.POST("/api/v1/reminders/parse/", { body: { text } });
  if (error) return `${error.code} ${error.request_id} ${error.type}`;
  const created = await client.POST("/api/v1/reminders/", { body: parsed.reminder });
  const added = await client.POST("/api/v1/reminders/", { body: { text, channels: [1] } });
  if (added.data && "understood" in added.data) return added.data.understood[0]?.field ?? "";
  return created.data?.timezone.toUpperCase() ?? "";
}

export async function titles(): Promise<string[]> {
  const all: string[] = [];
  let cursor: string | null | undefined;
  do {
    const query = cursor ? { cursor } : {};
    const { data } = await client.GET("/api/v1/reminders/", {
      params: { query: { ...query, tag: ["a", "b"], status: ["active"], ordering: "-next_due_at" } },
    });
    all.push(...(data?.results.map((reminder) => reminder.title) ?? []));
    cursor = data?.next_cursor;
  } while (cursor);
  return all;
}

export async function batch(reminder: components["schemas"]["Reminder"]): Promise<number> {
  const { data } = await client.POST("/api/v1/reminders/batch/", {
    body: {
      dry_run: true,
      items: [
        { op: "create", fields: { title: "Tea", starts_at: "2030-01-07T18:00:00" } },
        { op: "update", id: reminder.id, version: reminder.version, fields: { title: "New" } },
        { op: "upsert", fields: { title: "A", starts_at: "2030-01-07T18:00:00", external_id: "a" } },
        { op: "delete", id: reminder.id },
      ],
    },
  });
  // @ts-expect-error A delete has no fields.
  const wrong: components["schemas"]["BatchItemRequest"] = { op: "delete", id: 1, fields: {} };
  return data?.results.length ?? (wrong ? 1 : 0);
}
