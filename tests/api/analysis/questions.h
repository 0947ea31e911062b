/* SPDX-License-Identifier: Apache-2.0
 * For the tests of questions: sessions with passages, and a language model of the test (llm_server.py).
 */
#ifndef FORGE_TESTS_QUESTIONS_H
#define FORGE_TESTS_QUESTIONS_H

#include "harness.h"

/* An analysis of a file of this account that has come to its end; returns the session. `passages` is SQL: rows of
 * (page, text) after VALUES. */
json_int_t analysed(person_t owner, const char *passages);
json_int_t file_of(json_int_t session);
extern const char fables[]; /* passages about animals */
reply_t *ask_at(port_t port, person_t who, json_int_t session, const char *question);
#define ask_about(who, session, question) ask_at(PORT_MAIN, who, session, question)

/* The language model, in a mode of llm_server.py, behind the second node. `options` are further words of ForgeLLM. */
void llm_start(const char *mode, const char *options);
void llm_mode(const char *mode);
void llm_stop(void);
#define LLM_KEY "sk-canary-4711-of-the-language-model"
char *llm_requests(void); /* one line of JSON each */
int llm_request_count(const char *path);

#endif
