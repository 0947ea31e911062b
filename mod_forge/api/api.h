/* SPDX-License-Identifier: Apache-2.0
 * Interface of api/: one file per resource, each with its fields, handlers and route table. Nothing here but the list
 * of the tables.
 */
#ifndef FORGE_API_H
#define FORGE_API_H

#include "forge.h"

/* All route tables, in the order OpenAPI shows them. *count says how many. */
const forge_routes_t *forge_api_tables(int *count);

/* One line per resource file. */
extern const forge_routes_t forge_api_auth;
extern const forge_routes_t forge_api_sessions;
extern const forge_routes_t forge_api_guests;
extern const forge_routes_t forge_api_api_keys;
extern const forge_routes_t forge_api_tickets;
extern const forge_routes_t forge_api_passwords;
extern const forge_routes_t forge_api_emails;
extern const forge_routes_t forge_api_mfa;
extern const forge_routes_t forge_api_users;
extern const forge_routes_t forge_api_profile;
extern const forge_routes_t forge_api_accounts;
extern const forge_routes_t forge_api_bulk;
extern const forge_routes_t forge_api_import;
extern const forge_routes_t forge_api_audit;
extern const forge_routes_t forge_api_organizations;
extern const forge_routes_t forge_api_members;
extern const forge_routes_t forge_api_invitations;
extern const forge_routes_t forge_api_courses;
extern const forge_routes_t forge_api_modules;
extern const forge_routes_t forge_api_lessons;
extern const forge_routes_t forge_api_enrollments;
extern const forge_routes_t forge_api_bundles;
extern const forge_routes_t forge_api_students;
extern const forge_routes_t forge_api_prerequisites;
extern const forge_routes_t forge_api_assignments;
extern const forge_routes_t forge_api_submissions;
extern const forge_routes_t forge_api_gradebook;
extern const forge_routes_t forge_api_analytics;
extern const forge_routes_t forge_api_achievements;
extern const forge_routes_t forge_api_awards;
extern const forge_routes_t forge_api_exercises;
extern const forge_routes_t forge_api_progress;
extern const forge_routes_t forge_api_files;
extern const forge_routes_t forge_api_analyses;
extern const forge_routes_t forge_api_documents;
extern const forge_routes_t forge_api_repository;
extern const forge_routes_t forge_api_execute;
extern const forge_routes_t forge_api_exercise_submissions;
extern const forge_routes_t forge_api_qa;
extern const forge_routes_t forge_api_rejudge;
extern const forge_routes_t forge_api_jobs;
extern const forge_routes_t forge_api_aggregate;
extern const forge_routes_t forge_api_health;
extern const forge_routes_t forge_api_auth_health;
extern const forge_routes_t forge_api_monitor;
extern const forge_routes_t forge_api_identity_figures;
extern const forge_routes_t forge_api_system;
extern const forge_routes_t forge_api_database;
extern const forge_routes_t forge_api_logs;
extern const forge_routes_t forge_api_containers;
extern const forge_routes_t forge_api_database_report;
extern const forge_routes_t forge_api_jwks;
extern const forge_routes_t forge_api_docs;
extern const forge_routes_t forge_api_errors;

#endif
