-- SPDX-License-Identifier: Apache-2.0
-- The SQL half of "forgectl seed demo": courses of the demo instructor, and achievements. forgectl has already created the accounts, because
-- their passwords are hashed in C, and loads the courses of demo/ afterwards. Running this again adds nothing.

-- Nobody reads mail at example.org: the addresses count as proven.
UPDATE forge.users SET email_verified = true
WHERE email_key IN ('admin@example.org', 'instructor@example.org', 'student@example.org') AND NOT email_verified;

INSERT INTO forge.courses (title, description, difficulty, instructor_id, created_at, updated_at)
SELECT demo.title, demo.description, demo.difficulty, instructor.id, made.at, made.at
FROM forge.users AS instructor, (VALUES
    (1, 'beginner', 'Python from Zero',
     'Variables, loops, functions and files. You write a small program in every lesson and finish with a text adventure of your own.'),
    (2, 'beginner', 'HTML & CSS: Your First Website',
     'Structure, typography, colour and layout with flexbox and grid, up to a portfolio page that looks good on a phone.'),
    (3, 'beginner', 'JavaScript Essentials',
     'Values, functions, the DOM and events: make pages react, validate forms and fetch data from an API.'),
    (4, 'beginner', 'The Command Line for Everyone',
     'Move around, search, combine small tools with pipes and write first shell scripts. No prior knowledge needed.'),
    (5, 'beginner', 'Git and Teamwork',
     'Commits, branches, merges and pull requests, with the everyday accidents and how to get out of them.'),
    (6, 'beginner', 'SQL: Asking Good Questions',
     'SELECT, JOIN and GROUP BY on a real library database: from the first query to a monthly report.'),
    (7, 'beginner', 'How Computers Work',
     'From bits and gates to memory, processor and operating system: what happens when a program runs.'),
    (8, 'beginner', 'Spreadsheets to Python',
     'Replace fragile formulas with short scripts: read CSV files, clean columns, draw charts.'),
    (9, 'beginner', 'Debugging without Fear',
     'Read error messages, set breakpoints, reduce a problem and find the cause instead of the symptom.'),
    (10, 'beginner', 'Markdown and Technical Writing',
     'Clear headings, honest examples and readable diagrams for README files and manuals.'),
    (11, 'beginner', 'Internet Basics: DNS, HTTP, TLS',
     'What happens between typing an address and seeing a page, followed packet by packet.'),
    (12, 'beginner', 'Your First REST API',
     'Resources, methods and status codes: design a small API, call it with curl and document it.'),
    (13, 'beginner', 'Logic and Sets for Programmers',
     'Statements, proofs and Venn diagrams, with short puzzles in code.'),
    (14, 'beginner', 'Scratch to Python',
     'Move from blocks to text: the same games, this time typed.'),
    (15, 'intermediate', 'Data Structures in Practice',
     'Lists, stacks, queues, hash tables and trees: build each one, measure it, and learn when to use which.'),
    (16, 'intermediate', 'Algorithms: Sorting and Searching',
     'Binary search, merge sort, quicksort and their costs, explained with animations and exercises.'),
    (17, 'intermediate', 'C: Pointers and Memory',
     'Arrays, strings, the heap and ownership. Valgrind and sanitizers keep you company from the first lesson.'),
    (18, 'intermediate', 'Object-Oriented Design',
     'Responsibilities, interfaces and composition, practised on a growing booking system.'),
    (19, 'intermediate', 'Testing with pytest',
     'Unit tests, fixtures, parametrisation and coverage: tests that people trust and keep.'),
    (20, 'intermediate', 'PostgreSQL in Depth',
     'Indexes, transactions, window functions and EXPLAIN: make slow queries fast and wrong data impossible.'),
    (21, 'intermediate', 'Web Applications with Flask',
     'Routes, templates, forms and sessions: from an empty folder to a deployed application.'),
    (22, 'intermediate', 'React: Components and State',
     'Props, hooks and data flow; build a task board with optimistic updates.'),
    (23, 'intermediate', 'TypeScript for JavaScript Developers',
     'Types that help instead of hinder: narrowing, generics and strict null checks.'),
    (24, 'intermediate', 'Docker and Containers',
     'Images, layers, volumes and networks; what a container is and what it is not.'),
    (25, 'intermediate', 'Linux Administration',
     'Users, services, logs, disks and backups on a real server, with systemd from the inside.'),
    (26, 'intermediate', 'Data Analysis with pandas',
     'Load, clean, join and aggregate; tell a story with honest charts.'),
    (27, 'intermediate', 'Regular Expressions',
     'Groups, look-arounds and greedy traps, with a test suite for each pattern.'),
    (28, 'intermediate', 'Concurrency: Threads and Async',
     'Races, locks, queues and event loops: why it works on your machine and fails at night.'),
    (29, 'intermediate', 'Network Programming',
     'Sockets, protocols, time-outs and partial reads: write a chat server that survives bad clients.'),
    (30, 'intermediate', 'Statistics with Python',
     'Distributions, estimates, tests and their misuse, on open data sets.'),
    (31, 'advanced', 'Compilers: From Text to Machine Code',
     'Lexer, parser, types and code generation for a small language of your own.'),
    (32, 'advanced', 'Operating System Internals',
     'Scheduling, virtual memory, file systems and system calls, read in real kernel code.'),
    (33, 'advanced', 'Distributed Systems',
     'Clocks, replication, consensus and failure; build a key-value store that loses a node and no data.'),
    (34, 'advanced', 'Machine Learning Foundations',
     'Linear models, trees and neural networks from scratch, then with scikit-learn; evaluation without self-deception.'),
    (35, 'advanced', 'Deep Learning with PyTorch',
     'Tensors, autograd, convolution and transformers; train, profile and deploy a model.'),
    (36, 'advanced', 'Web Security: Attack and Defence',
     'Injection, XSS, CSRF, sessions and access control: break a training application, then repair it.'),
    (37, 'advanced', 'Cryptography for Engineers',
     'Hashes, MACs, AEAD, key exchange and signatures: what to use, what to avoid, and why.'),
    (38, 'advanced', 'Performance Engineering',
     'Profiles, flame graphs, caches and branch prediction: measure first, change one thing, measure again.'),
    (39, 'advanced', 'Systems Programming in Rust',
     'Ownership, lifetimes, traits and unsafe: fast programs without data races.'),
    (40, 'advanced', 'Functional Programming in Haskell',
     'Types, laziness, functors and monads, up to a parser library in a hundred lines.')
) AS demo (position, difficulty, title, description),
LATERAL (SELECT now() - make_interval(days => 41 - demo.position) AS at) AS made
WHERE instructor.email_key = 'instructor@example.org'
  AND NOT EXISTS (SELECT FROM forge.courses c WHERE c.instructor_id = instructor.id AND c.title = demo.title)
ORDER BY demo.position;

-- Those with an event are awarded by themselves, the others by an instructor.
INSERT INTO forge.achievements (name, description, points, icon, rule_event, rule_count, created_by)
SELECT demo.*, (SELECT id FROM forge.users WHERE email_key = 'instructor@example.org') FROM (VALUES
    ('First Steps', 'Your instructor welcomes you with it.', 10, '👣', NULL, NULL::integer),
    ('Hello, World', 'Solve your first exercise.', 10, '👋', 'exercise_completed', 1),
    ('Bug Hunter', 'Your instructor has seen you make a failing exercise pass.', 25, '🐞', NULL, NULL),
    ('Night Owl', 'Your instructor has seen a correct solution of yours from after midnight.', 15, '🦉', NULL, NULL),
    ('Bookworm', 'Your instructor has talked with you about ten lessons.', 50, '📚', NULL, NULL),
    ('On Fire', 'Learn seven days in a row.', 75, '🔥', 'streak', 7),
    ('Problem Solver', 'Complete twenty-five exercises.', 100, '🧩', 'exercise_completed', 25),
    ('Course Champion', 'Complete a whole course.', 150, '🏆', 'course_completed', 1),
    ('Polyglot', 'Your instructor knows programs of yours in three languages.', 200, '🗣️', NULL, NULL),
    ('Rocket Scientist', 'Your instructor gives it for an advanced course with full marks.', 250, '🚀', NULL, NULL)
) AS demo (name, description, points, icon, rule_event, rule_count)
ON CONFLICT (name) DO NOTHING;
