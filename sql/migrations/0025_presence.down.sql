-- SPDX-License-Identifier: Apache-2.0
-- Nothing is lost: the figures only take longer.

DROP INDEX forge.users_inactive;
DROP INDEX forge.login_failures_locked;
DROP INDEX forge.sessions_seen;
