"""The tables of an index in SQLite, and its full-text index, which a store that keeps words elsewhere has not."""

APPLICATION_ID = int.from_bytes(b"hand")
"""what SQLite keeps in the file's head to say whose file it is"""
FORMAT = 2
"""goes up with every change of what is here, and of what is a telling word for `text_query`"""
TOKENIZER = "porter unicode61 remove_diacritics 2"
TABLES = """
CREATE TABLE files (
    path TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL REFERENCES files ON DELETE CASCADE,
    source TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    metadata TEXT NOT NULL);
CREATE INDEX documents_of_file ON documents (path);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    heading TEXT NOT NULL,
    text TEXT NOT NULL,
    page INTEGER);
CREATE INDEX chunks_of_document ON chunks (document, start);
CREATE TABLE embedders (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    n_dims INTEGER NOT NULL,
    is_current INTEGER NOT NULL);
CREATE TABLE vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chunk INTEGER NOT NULL REFERENCES chunks ON DELETE CASCADE,
    embedder INTEGER NOT NULL REFERENCES embedders ON DELETE CASCADE,
    vector BLOB NOT NULL,
    UNIQUE (chunk, embedder));
CREATE INDEX vectors_of_embedder ON vectors (embedder, chunk);
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE identity (id TEXT NOT NULL);
INSERT INTO identity VALUES (lower(hex(randomblob(8))));
"""
WORDS = f"""
CREATE VIEW telling_words AS SELECT id, document, telling(heading) AS heading, telling(text) AS text FROM chunks;
CREATE VIRTUAL TABLE words USING fts5 (
    heading, text, content=telling_words, content_rowid=id, tokenize='{TOKENIZER}');
INSERT INTO words (words, rank) VALUES ('automerge', 16);
"""
REBUILD = "INSERT INTO words (words) VALUES ('rebuild');"
NO_WORDS = """
DROP TABLE words;
DROP VIEW telling_words;
"""
