-- SPDX-License-Identifier: Apache-2.0
-- Invitations, the last owner, and who is enrolled in a course (SPEC 5, 6).

SELECT 1;
