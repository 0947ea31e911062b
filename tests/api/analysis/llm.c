/* SPDX-License-Identifier: Apache-2.0
 * The language model of the tests, and what questions are asked about.
 */
#include "questions.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char fables[] = "(1, 'A fox saw grapes that hung from a high trellis. He jumped to reach them and could not. "
                      "\"They are sour\", said "
                      "the fox, and went away.'),"
                      "(2, 'A tortoise and a hare ran a race. The hare lay down to sleep after two miles. The tortoise "
                      "won the race in 1806 "
                      "because she never stopped.'),"
                      "(3, 'A crow was thirsty and found a pitcher. The water stood too low. She dropped pebbles into "
                      "the pitcher until the "
                      "water rose, and drank.')";

json_int_t analysed(person_t owner, const char *passages)
{
    char *file =
        sql("INSERT INTO forge.files (user_id, filename, content_type, size, sha256, object) VALUES (%lld, "
            "'book.pdf', 'application/pdf', 1, sha256(random()::text::bytea), forge.file_object()) RETURNING id",
            (long long)owner.id);
    char *job =
        sql("INSERT INTO forge.jobs (kind, user_id, status, progress, finished_at) VALUES ('pdf', %lld, 'done', "
            "100, now()) RETURNING id",
            (long long)owner.id);
    char *session = sql("INSERT INTO forge.analysis_sessions (user_id, kind, file_id, job_id, result) VALUES (%lld, "
                        "'pdf', %s, %s, '{}') RETURNING id",
                        (long long)owner.id, file, job);
    sql("INSERT INTO forge.passages (session_id, position, page, body, language) SELECT %s, row_number() OVER (), "
        "v.page, "
        "v.body, 'english' FROM (VALUES %s) AS v(page, body)",
        session, passages);
    return atoll(session);
}

json_int_t file_of(json_int_t session)
{
    return atoll(sql("SELECT file_id FROM forge.analysis_sessions WHERE id = %lld", (long long)session));
}

reply_t *ask_at(port_t port, person_t who, json_int_t session, const char *question)
{
    json_t *body = keep_json(json_pack("{s:I,s:s}", "session_id", session, "question", question));
    return CALL("POST", "/api/v1/analysis/qa", .port = port, .token = who.access, .json = keep(json_dumps(body, 0)));
}

/* --- the language model --- */

static int server, port;

static char *llm_file(const char *name)
{
    return F("%s/llm/%s", env.dir, name);
}

void llm_mode(const char *mode)
{
    file_write(llm_file("mode.part"), mode);
    rename(llm_file("mode.part"), llm_file("mode"));
}

void llm_start(const char *mode, const char *options)
{
    llm_stop();
    process_run(NULL, (const char *[]){"rm", "-rf", F("%s/llm", env.dir), NULL}, NULL);
    mkdir(F("%s/llm", env.dir), 0755);
    llm_mode(mode);
    port = port_free();
    server = process_start(NULL,
                           (const char *[]){"python3", F("%s/tests/api/llm_server.py", env.source), F("%d", port),
                                            F("%s/llm", env.dir), NULL},
                           F("%s/logs/llm.log", env.dir));
    for (int i = 0; i < 200 && !strstr(file_read(llm_file("ready"), 0), "ready"); i++)
        pause_ms(50);
    env_second_launch(F("ForgeLLM http://127.0.0.1:%d/v1 model-1 " LLM_KEY " timeout=2s %s\n"
                        "ForgeRateLimit analysis 100000/1m user\n",
                        port, options));
    ck_assert(env_second_ready(20));
}

void llm_stop(void)
{
    if (server > 0) {
        process_kill(server, SIGKILL);
        process_wait(server, 5);
    }
    server = 0;
}

char *llm_requests(void)
{
    return file_read(llm_file("requests"), 0);
}

int llm_request_count(const char *path)
{
    int n = 0;
    char *sought = F("\"path\": \"%s\"", path);
    for (char *at = llm_requests(); (at = strstr(at, sought)); at += strlen(sought))
        n++;
    return n;
}
