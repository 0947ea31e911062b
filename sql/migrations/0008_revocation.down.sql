-- SPDX-License-Identifier: Apache-2.0
-- Undoes 0008_revocation.

SELECT 1;
