"""The tables of ``project.db``, and the steps from each version of them to the next.

A database names its version in SQLite's ``user_version``: the number of steps that were done.
"""

from __future__ import annotations

APPLICATION = 0x53325450  # SQLite's application_id of a project: "S2TP"

_FIRST = """
CREATE TABLE videos (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL UNIQUE,        -- relative to the project's folder, or absolute
    hash TEXT NOT NULL UNIQUE,        -- SHA-256 of the content
    bytes INTEGER NOT NULL,           -- size and time of change of the file when it was hashed
    modified INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    length INTEGER NOT NULL,
    fps REAL NOT NULL,
    times BLOB,                       -- of all frames in seconds, float64; NULL = constant rate
    frame_names TEXT                  -- JSON list, where each frame is a picture
);
CREATE TABLE classes (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    colour TEXT,                      -- #rrggbb
    attributes TEXT NOT NULL          -- JSON list
);
CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    video_id INTEGER NOT NULL REFERENCES videos,
    number INTEGER NOT NULL,          -- in its video, from 1
    class_id INTEGER NOT NULL REFERENCES classes,
    name TEXT NOT NULL,
    colour TEXT,
    attributes TEXT NOT NULL,         -- JSON
    removed INTEGER NOT NULL DEFAULT 0,
    UNIQUE (video_id, number)
);
CREATE TABLE log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time REAL NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    video_id INTEGER REFERENCES videos,
    object_id INTEGER REFERENCES objects,
    frame INTEGER,
    data TEXT NOT NULL,               -- JSON
    target INTEGER REFERENCES log,    -- of undo and redo
    undone INTEGER NOT NULL DEFAULT 0 -- follows from later entries of undo and redo
);
CREATE INDEX log_place ON log (object_id, frame);
CREATE TABLE provenance (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,                -- hash of all that the masks follow from
    model TEXT NOT NULL,
    weights TEXT NOT NULL,            -- SHA-256
    settings TEXT NOT NULL,           -- JSON
    version TEXT NOT NULL,            -- of this package
    direction INTEGER NOT NULL,
    UNIQUE (key, version)
);
CREATE TABLE propagated (             -- what the model made
    object_id INTEGER NOT NULL REFERENCES objects,
    frame INTEGER NOT NULL,
    counts TEXT NOT NULL,             -- COCO's compressed run lengths
    score REAL NOT NULL,
    presence REAL NOT NULL,
    made TEXT NOT NULL,               -- prompt or propagated
    provenance_id INTEGER NOT NULL REFERENCES provenance,
    PRIMARY KEY (object_id, frame)
) WITHOUT ROWID;
CREATE TABLE edited (                 -- what a person made or brought along
    object_id INTEGER NOT NULL REFERENCES objects,
    frame INTEGER NOT NULL,
    entry_id INTEGER NOT NULL REFERENCES log,
    counts TEXT NOT NULL,
    score REAL,
    made TEXT NOT NULL,               -- brush or imported
    occluded INTEGER NOT NULL,        -- partly hidden behind something
    PRIMARY KEY (object_id, frame, entry_id)
) WITHOUT ROWID;
CREATE TABLE reviews (
    video_id INTEGER NOT NULL REFERENCES videos,
    object_id INTEGER REFERENCES objects,  -- NULL = all objects
    frame INTEGER,                         -- NULL = all frames
    state TEXT NOT NULL,
    comment TEXT NOT NULL,
    locked INTEGER NOT NULL
);
CREATE UNIQUE INDEX reviews_place ON reviews (video_id, ifnull(object_id, 0), ifnull(frame, -1));
CREATE TABLE states (                 -- of sessions, to go on from; may be deleted
    id INTEGER PRIMARY KEY,
    video_id INTEGER NOT NULL REFERENCES videos,
    direction INTEGER NOT NULL,
    frame INTEGER NOT NULL,
    state BLOB NOT NULL
);
CREATE TABLE state_objects (
    state_id INTEGER NOT NULL REFERENCES states ON DELETE CASCADE,
    object_id INTEGER NOT NULL REFERENCES objects,
    key TEXT NOT NULL,
    PRIMARY KEY (state_id, object_id)
) WITHOUT ROWID;
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    key TEXT UNIQUE,                  -- NULL: the video could not be opened
    path TEXT NOT NULL,
    video_id INTEGER REFERENCES videos,
    state TEXT NOT NULL,              -- running, done or failed
    error TEXT NOT NULL,
    tries INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    seconds REAL NOT NULL,
    time REAL NOT NULL                -- of the last change
);
"""

# For the page: masks that answer clicks, and what was moved away to be brought back by undo.
_PAGE = """
CREATE TABLE answers (                -- of the model to the prompts on a frame, without memory
    object_id INTEGER NOT NULL REFERENCES objects,
    frame INTEGER NOT NULL,
    digest TEXT NOT NULL,             -- of the anchor that it answers
    counts TEXT NOT NULL,
    score REAL NOT NULL,
    presence REAL NOT NULL,
    provenance_id INTEGER NOT NULL REFERENCES provenance,
    PRIMARY KEY (object_id, frame, digest)
) WITHOUT ROWID;
CREATE TABLE shelved (                -- rows of propagated that an entry has moved away
    entry_id INTEGER NOT NULL REFERENCES log,
    object_id INTEGER NOT NULL REFERENCES objects,
    frame INTEGER NOT NULL,
    counts TEXT NOT NULL,
    score REAL NOT NULL,
    presence REAL NOT NULL,
    made TEXT NOT NULL,
    provenance_id INTEGER NOT NULL REFERENCES provenance,
    PRIMARY KEY (entry_id, object_id, frame)
) WITHOUT ROWID;
ALTER TABLE edited ADD COLUMN presence REAL;
CREATE TABLE requests (               -- changes that a client may send again
    id TEXT PRIMARY KEY,
    time REAL NOT NULL,
    answer TEXT NOT NULL              -- JSON
);
-- The masks themselves are large: what a timeline shows is read without them.
CREATE INDEX propagated_short ON propagated
    (object_id, frame, score, presence, made, provenance_id, length(counts));
"""

# A video that was taken out keeps its rows: added again, it has its annotations.
_REMOVED = "ALTER TABLE videos ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;"

# A page keeps changes that wait for the server; they belong to one project.
_ID = """
CREATE TABLE project (id TEXT NOT NULL); -- random
INSERT INTO project VALUES (lower(hex(randomblob(12))));
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _PAGE, _REMOVED, _ID)
