-- SPDX-License-Identifier: Apache-2.0
-- Undoes 0011_mail.

SELECT 1;
