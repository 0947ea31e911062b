/* SPDX-License-Identifier: Apache-2.0
 * Interface of store/identity: accounts, logins, sessions, one-use tokens, and what ends before its time.
 */
#ifndef FORGE_STORE_IDENTITY_H
#define FORGE_STORE_IDENTITY_H

#include "store/store.h"

#include "login.h"
#include "one_time.h"
#include "revocation.h"
#include "sessions.h"
#include "users.h"
#include "visitors.h"

#endif
