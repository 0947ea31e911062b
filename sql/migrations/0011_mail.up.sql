-- SPDX-License-Identifier: Apache-2.0
-- One-use tokens and the mails that carry them (SPEC 3).

SELECT 1;
