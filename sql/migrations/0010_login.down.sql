-- SPDX-License-Identifier: Apache-2.0
-- Undoes 0010_login.

SELECT 1;
