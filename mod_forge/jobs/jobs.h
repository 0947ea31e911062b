/* SPDX-License-Identifier: Apache-2.0
 * Interface of jobs/: the work that a job of each kind does. A job gets plain values and callbacks, never a
 * configuration or a request, so that unit tests and forgectl can run it like the server. work/ decides when and in
 * which process it runs.
 */
#ifndef FORGE_JOBS_H
#define FORGE_JOBS_H

#include "core/analysis/analysis.h"
#include "core/mail/mail.h"
#include "net/net.h"
#include "run/run.h"
#include "store/operations/operations.h"

/* Lends a database connection for one call: `use` with `data`. Returns its result, or why there is no connection
 * (FORGE_E_POOL_EXHAUSTED, FORGE_E_DATABASE_DOWN …). A job never holds a connection while it waits for something
 * else. */
typedef struct forge_lender_t {
    forge_status_t (*lend)(void *baton, apr_pool_t *p, forge_db_fn use, void *data);
    void *baton;
} forge_lender_t;

/* --- what a job gets and what it says --- */

typedef struct forge_job_with_t forge_job_with_t;
typedef struct forge_job_hold_t forge_job_hold_t; /* queue.c: the claim; NULL for a job that is not of the queue */
typedef struct forge_job_t {
    apr_int64_t id, account; /* account 0: of the site */
    const char *kind, *key;  /* key NULL: none */
    const forge_json_t *payload;
    int attempt; /* 1 for the first; what an earlier one has done is kept, and may have been left half done */
    const forge_job_with_t *with;
    forge_job_hold_t *hold;
} forge_job_t;

typedef enum forge_job_outcome_t {
    FORGE_JOB_DONE,
    FORGE_JOB_FAILED, /* for good: code and detail are for whoever asked */
    FORGE_JOB_LATER,  /* try again after a back-off; without attempts left it fails with this code and detail */
    FORGE_JOB_STOPPED /* this process ends, or the claim does not hold any more: given back, and no attempt is spent */
} forge_job_outcome_t;
typedef struct forge_job_end_t {
    const char *code, *detail; /* ≤ 64 and ≤ 1000 characters; NULL: "failed" and nothing */
} forge_job_end_t;

/* The work. It holds no connection while it waits for something else, asks with->stop or calls forge_job_progress
 * several times a second, and may be run twice: whoever held it may have died after all but its last step. Its memory
 * is of p, which ends with it. */
typedef forge_job_outcome_t (*forge_job_fn)(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end);

/* How a turn of a job ended. */
typedef struct forge_job_said_t {
    const forge_job_t *job;
    const char *outcome; /* done, later, failed, stopped */
    const char *code;    /* where it failed or will be tried again; else NULL */
    bool fault;          /* it failed for good, and not by what it was asked */
    apr_time_t begun;
} forge_job_said_t;

/* What a job may use. Members that a job does not need may be NULL. */
struct forge_job_with_t {
    forge_lender_t db;
    bool (*stop)(const void *unused); /* true: this process ends */
    forge_live_t *live;               /* where outcomes are counted */
    const char *runner;               /* the socket of forge-runner; NULL: no program is run here */
    forge_run_limits_t limits;        /* what one run may use (ForgeExecLimits) */
    const char *ocr;                  /* ForgeOCR: languages of scanned pages, as "deu+eng"; NULL: they are not read */
    const apr_array_header_t *git_hosts; /* of forge_git_host_t: where repositories may be fetched */
    const char *git_authorities;         /* certificates in PEM; NULL: those of the system */
    const struct forge_mail_job_t *mail;
    const forge_llm_t *llm;                                   /* the language model; NULL: none */
    void (*claimed)(void *baton);                             /* hears that a job was claimed; more may be due */
    void (*log)(void *baton, bool warning, const char *text); /* of jobs that ended for good */
    void (*ended)(void *baton, apr_pool_t *p, const forge_job_said_t *said); /* of each turn of a job */
    void *baton;                                                             /* of the three */
};

/* Tells how far a job is, and that whoever works on it lives: the lease begins anew. Call it at least four times a
 * lease; a call that says nothing new asks the database once a second at most. False: the job was cancelled or has been
 * taken over, or this process ends: return FORGE_JOB_STOPPED. A database that is away is no reason as long as the lease
 * holds. */
bool forge_job_progress(forge_job_t *job, apr_pool_t *p, int percent, const char *stage);
#define FORGE_JOB_AS_BEFORE (-1) /* for percent, with stage NULL: only asks and renews */

/* --- kinds.c: every kind of job --- */

enum {
    FORGE_JOB_SANDBOX = 1, /* is left to nodes that have forge-runner */
    FORGE_JOB_APART = 2    /* has workers of its own, who name the kind */
};
typedef struct forge_job_kind_t {
    forge_job_terms_t terms; /* name, priority, attempts, lease */
    forge_job_fn run;
    int flags;
} forge_job_kind_t;
extern const forge_job_kind_t forge_job_kinds[]; /* the last one has no name */

/* --- queue.c: claims a job, has it done, and writes how it ended --- */

typedef struct forge_job_worker_t {
    const char *name;              /* of this worker, as forgectl jobs shows it */
    const char *kind, *key;        /* NULL: all kinds that are not FORGE_JOB_APART; any key */
    const forge_job_kind_t *kinds; /* forge_job_kinds, or those of a test */
} forge_job_worker_t;
/* Does the job whose turn it is, if one is due: *ran. Its outcome is written even when the database is away for a
 * while, as long as the lease holds. A status: the queue could not be asked. */
forge_status_t forge_job_next(apr_pool_t *p, const forge_job_with_t *with, const forge_job_worker_t *worker, bool *ran);
/* How long until the next try: `first`, doubled with each try up to `most`, and up to a quarter more at random, so that
 * what failed together is not tried together. */
apr_interval_time_t forge_job_delay(apr_interval_time_t first, apr_interval_time_t most, apr_int64_t tries);

/* --- db.c: the database, for the moments in which a job needs it --- */

/* What failed ends the job; FORGE_JOB_DONE goes on. */
#define FORGE_JOB_TRY(call) \
    do { \
        const forge_job_outcome_t outcome_ = (call); \
        if (outcome_ != FORGE_JOB_DONE) \
            return outcome_; \
    } while (0)
/* What a status of the database means for a job, with its code and detail: what is gone, or a full quota, is for good,
 * all else is tried again. */
forge_job_outcome_t forge_job_outcome_of(forge_status_t status, forge_job_end_t *end);
/* Lends a connection for one call, and says how that went in the same way. */
forge_job_outcome_t forge_job_lend(const forge_job_t *job, apr_pool_t *p, forge_db_fn use, void *data,
                                   forge_job_end_t *end);

/* --- sandbox.c --- */

/* Has a program run, and waits for its end. FORGE_JOB_DONE: *result says how it ended (FORGE_RUN_OK to
 * FORGE_RUN_OUTPUT_LIMIT). FORGE_JOB_LATER with *end: no sandbox, or one that was full or failed. FORGE_JOB_STOPPED: as
 * forge_job_progress. The result lives as long as p. */
forge_job_outcome_t forge_job_sandbox(apr_pool_t *p, forge_job_t *job, const forge_run_job_t *what,
                                      forge_run_result_t *result, forge_job_end_t *end);

/* --- pdf.c: reads a file in the sandbox --- */

/* Its session is the one that refers to the job. Ends for good with pdf_encrypted, pdf_broken, pdf_empty, pdf_scanned,
 * too_complex, quota_exceeded. */
forge_job_outcome_t forge_job_pdf(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end);
/* --- llm.c: what jobs ask the language model --- */

#define FORGE_DIGEST_BYTES 24000 /* of a text are shown at most */
/* Has a summary of a document written, or a review of a repository of which `text` tells, from its first bytes.
 * FORGE_JOB_DONE: *digest is the text, or NULL where there is no language model, or it failed, or the month's allowance
 * of the account is used up: a job goes on without. FORGE_JOB_STOPPED: as forge_job_progress. */
forge_job_outcome_t forge_job_digest(apr_pool_t *p, forge_job_t *job, forge_digest_kind_t kind, const char *text,
                                     const char **digest);
/* Queues the making of vectors for the passages of a session, in the caller's transaction; nothing without a model for
 * them. Call it when the passages are written. */
forge_status_t forge_job_embed_add(forge_db_t *db, apr_pool_t *p, const forge_job_t *job, apr_int64_t session);
/* Kind "embed", whose payload is {session_id}: vectors for the passages that have none of this model yet. */
#define FORGE_JOB_KIND_EMBED "embed"
forge_job_outcome_t forge_job_embed(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end);

/* --- rejudge.c --- */

/* Kind "rejudge", payload {exercise_id, scope: all|latest}. */
#define FORGE_JOB_KIND_REJUDGE "rejudge"
forge_job_outcome_t forge_job_rejudge(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end);

/* --- repository.c: the analysis of a repository --- */

forge_job_outcome_t forge_job_repository(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end);
/* What the end of its run means; FORGE_JOB_DONE: there is a document. */
forge_job_outcome_t forge_job_repository_verdict(const forge_run_result_t *result, forge_job_end_t *end);

/* --- mail.c: sends the mails in the outbox --- */

typedef enum forge_mail_event_t {
    FORGE_MAIL_SENT,     /* one mail was sent */
    FORGE_MAIL_GIVEN_UP, /* one mail will never be sent; the text says which and why, without its address */
    FORGE_MAIL_STUCK     /* no mail can be sent at the moment, and all wait; the text says why */
} forge_mail_event_t;

typedef struct forge_mail_job_t {
    forge_lender_t db;
    const forge_keys_t *keys;
    const char *public_url;           /* the sender; mails of other senders are not touched */
    const forge_letters_t *letters;   /* of ForgeMailTemplates; NULL: ours */
    const char *site;                 /* ForgeSiteName; NULL: none */
    const forge_mail_t *mail;         /* how it is sent */
    bool (*stop)(const void *unused); /* called several times a second; true: put back unsent mails */
    forge_job_t *queued; /* the job of the queue in whose turn this is done, with the same effect when it is cancelled;
                            NULL: none */
    void (*tell)(void *baton, forge_mail_event_t event, const char *text);
    void *baton; /* of tell */
} forge_mail_job_t;
/* Writes one mail and sends it, by whatever way mail goes. `smtp` is NULL where that is a directory. */
typedef struct forge_mail_one_t {
    const forge_mail_t *mail;
    const forge_wording_t *wording;
    const char *kind, *recipient, *id; /* id: left side of Message-ID */
    apr_time_t created;
    const forge_json_t *facts;       /* of its template (core/mail/templates.c) */
    bool (*stop)(const void *baton); /* called several times a second while waiting */
    const void *baton;
} forge_mail_one_t;
forge_delivery_t forge_job_mail_send(apr_pool_t *p, forge_smtp_t *smtp, const forge_mail_one_t *one, const char **why);
/* Processes one batch: claims at most FORGE_MAILS_AT_ONCE due mails, and sends, gives up or postpones each. A mail that
 * cannot be sent is due again after 30 s, 1 min … 1 h. *more: more mails may be due. Mails of a job that dies are due
 * again after 15 s; one that lives renews its claim. */
forge_status_t forge_job_mail(apr_pool_t *p, const forge_mail_job_t *job, bool *more);
/* Kind "mail", whose key is the sender: batches of with->mail until none is due. */
#define FORGE_JOB_KIND_MAIL "mail"
forge_job_outcome_t forge_job_mails(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end);

#endif
