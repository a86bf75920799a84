-- What a list of reminders is filtered by: each tag as OWNER#TAG, and each word of title, body and
-- tags as OWNER:WORD. The owner is part of each key, so that an index answers for one owner however
-- many others use the same word. Staff find a tag of all owners as #TAG.
CREATE FUNCTION reminders_keys(owner bigint, title text, body text, tags text[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(
        ARRAY(
            SELECT owner || ':' || left(word, 100) FROM unnest(tsvector_to_array(
                to_tsvector('simple', title || ' ' || body || ' ' || array_to_string(tags, ' '))
            )) AS word
        )
        || ARRAY(SELECT owner || '#' || tag FROM unnest(tags) AS tag)
        || ARRAY(SELECT '#' || tag FROM unnest(tags) AS tag)
    )
$$;
-- The lexeme of a tsquery for the words of an owner that begin with this.
CREATE FUNCTION reminders_word_key(owner bigint, word text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '''' || replace(replace(owner || ':' || left(word, 100), '\', '\\'), '''', '''''')
        || ''':*'
$$;
-- Stored, so that a walk along another index reads it and does not work it out for each row. Not a
-- field of the model, as no answer shows it.
ALTER TABLE reminders_reminder ADD COLUMN keys tsvector
    GENERATED ALWAYS AS (reminders_keys(owner_id, title, body, tags)) STORED;
-- A pending list would be read whole by each search.
CREATE INDEX reminders_reminder_keys ON reminders_reminder USING gin (keys)
    WITH (fastupdate = off);
