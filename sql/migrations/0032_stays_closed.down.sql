-- SPDX-License-Identifier: Apache-2.0
-- All as before 0032.

ALTER TABLE forge.email_undos DROP COLUMN reopens;
