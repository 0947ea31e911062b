-- SPDX-License-Identifier: Apache-2.0
-- Undoes 0013_organizations_whole.

SELECT 1;
