# SPDX-License-Identifier: Apache-2.0
"""A session of a Python developer with the client that openapi-generator makes: session.py BASE."""
import re
import secrets
import sys

import forge_client
from forge_client import models
from forge_client.api.auth_api import AuthApi
from forge_client.api.courses_api import CoursesApi

PASSWORD = "Quartz-Lantern-914"


def refused(status, code, call, *args, **named):
    """Calls what must fail; the problem, as a model."""
    try:
        call(*args, **named)
    except forge_client.ApiException as error:
        assert error.status == status, error
        problem = models.Problem.from_json(error.body)
        assert problem.code == code and problem.status == status, error.body
        return problem
    raise AssertionError(f"{status} {code} was expected")


def pages(courses):
    """Reads courses two at a time, by the cursor of the Link header; their numbers."""
    seen, after = [], None
    for _ in range(3):
        page = courses.course_list_with_http_info(limit=2, after=after)
        seen += [course.id for course in page.data]
        after = re.search(r'[?&]after=([^&>]+)[^>]*>; *rel="next"', page.headers["Link"])[1]
    return seen


def main():
    configuration = forge_client.Configuration(host=sys.argv[1])
    client = forge_client.ApiClient(configuration)
    auth, courses = AuthApi(client), CoursesApi(client)
    name = "py_" + secrets.token_hex(6)

    made = auth.auth_register(models.AuthRegisterRequest(
        email=f"{name}@example.org", username=name, password=PASSWORD, role=models.AssignableRole.INSTRUCTOR))
    assert made.user.username == name and made.user.role == models.AccountRole.INSTRUCTOR, made
    login = auth.auth_login(models.AuthLoginRequest(username=name, password=PASSWORD))
    assert login.mfa_required is None and login.user.id == made.user.id, login
    configuration.access_token = login.access_token
    me = auth.auth_me()
    assert me.id == made.user.id and me.sessions.active == 2, me

    course = courses.course_create(models.CourseCreateRequest(
        title="Generated clients", difficulty=models.Difficulty.ADVANCED))
    assert course.difficulty == models.Difficulty.ADVANCED and course.organization_id is None, course
    assert courses.course_get(course.id) == course
    changed = courses.course_update(course.id, models.CourseUpdateRequest(title="Clients"), if_match='"v1"')
    assert changed.version == 2 and changed.title == "Clients", changed
    seen = pages(courses)
    assert len(set(seen)) == 6, seen

    refused(412, "precondition_failed", courses.course_update, course.id, models.CourseUpdateRequest(title="Late"), if_match='"v1"')
    refused(404, "not_found", courses.course_get, 2**62)
    problem = refused(422, "validation_failed", courses.course_create, models.CourseCreateRequest.model_construct(title=""))
    assert problem.errors[0].pointer == "/title", problem

    fresh = auth.auth_refresh(models.AuthRefreshRequest(refresh_token=login.refresh_token))
    configuration.access_token = fresh.access_token
    courses.course_delete(course.id)
    auth.auth_logout()
    refused(401, "invalid_token", auth.auth_me)


main()
