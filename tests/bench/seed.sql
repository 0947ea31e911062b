-- SPDX-License-Identifier: Apache-2.0
-- Fills forge.courses up to :n rows of the account :owner: titles of some 20 bytes, texts of some 160; a hundred of the first thousand have a word
-- of their own.
-- The referential checks are left out, for they take longer than the rest; run as superuser.
SET session_replication_role = replica;
SET maintenance_work_mem = '512MB';
SET gin_pending_list_limit = '1GB';
INSERT INTO forge.courses (title, description, difficulty, instructor_id, created_at, updated_at)
SELECT 'Course ' || i || ' on ' || topic, 'In ' || i % 50 || ' lessons from the first step to ' || topic || ', with an exercise for each of them, a quiz at the end'
       || ' and a project "of your own" that uses what you have learnt so far' || CASE WHEN i <= 1000 AND i % 10 = 7 THEN ', rarissime' ELSE '' END || '.',
       (ARRAY['beginner', 'intermediate', 'advanced'])[1 + i % 3], :owner, made, made
FROM (SELECT i, (ARRAY['graphs', 'compilers', 'databases', 'networks', 'proofs', 'pointers', 'threads', 'colours', 'fractals', 'grammars'])[1 + i * 7 % 10] AS topic,
             timestamptz '2024-01-01 00:00:00+00' + i * interval '1 minute' AS made
      FROM generate_series((SELECT count(*) + 1 FROM forge.courses), :n) AS i) AS course;
VACUUM (ANALYZE) forge.courses;
