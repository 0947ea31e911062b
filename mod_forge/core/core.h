/* SPDX-License-Identifier: Apache-2.0
 * Interface of core/, and what its families share. Rules that never heard of httpd or SQL stand in core/wire (how
 * requests and answers look), core/identity (keys, tokens, passwords: OpenSSL, cjose and liboath are included there
 * alone) and core/mail.
 */
#ifndef FORGE_CORE_H
#define FORGE_CORE_H

#include "forge.h"
#include "util/util.h"

typedef struct forge_keys_t forge_keys_t; /* what signs, seals and derives; core/identity/identity.h */

/* --- faults.c: everything wrong with one request's members --- */

typedef struct forge_fault_t {
    const char *pointer, *code, *detail;
} forge_fault_t; /* pointer: RFC 6901 ("/email"), or "?limit" for query parameters */
typedef struct forge_faults_t forge_faults_t;
forge_faults_t *forge_core_faults_make(apr_pool_t *p);
void forge_core_fault(forge_faults_t *faults, const char *pointer, const char *code, const char *detail);
int forge_core_faults_count(const forge_faults_t *faults);
bool forge_core_faulted(const forge_faults_t *faults, const char *pointer); /* this member is among them */
const forge_fault_t *forge_core_faults_at(const forge_faults_t *faults, int i);

#endif
