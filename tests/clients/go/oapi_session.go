// SPDX-License-Identifier: Apache-2.0

// A session of a Go developer with the client that oapi-codegen makes: session BASE. Exit code 1 where something is not
// as the document promises.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"regexp"

	forge "clients/forge"

	openapi_types "github.com/oapi-codegen/runtime/types"
)

const password = "Quartz-Lantern-914"

var nextPage = regexp.MustCompile(`[?&]after=([^&>]+)[^>]*>; *rel="next"`)

func check(good bool, format string, args ...any) {
	if !good {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		os.Exit(1)
	}
}

// done checks that a call came through and has this status.
func done(what string, err error, response *http.Response, body []byte, status int) {
	check(err == nil, "%s: %v", what, err)
	check(response.StatusCode == status, "%s: %s: %s", what, response.Status, body)
}

// with sends an access token.
func with(token string) forge.RequestEditorFn {
	return func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
}

// pages reads courses two at a time, by the cursor of the Link header, and counts them.
func pages(ctx context.Context, client *forge.ClientWithResponses) int {
	limit, seen := forge.Limit(2), map[int64]bool{}
	params := forge.CourseListParams{Limit: &limit}
	for range 3 {
		list, err := client.CourseListWithResponse(ctx, &params)
		done("list", err, list.HTTPResponse, list.Body, 200)
		for _, course := range *list.JSON200 {
			check(!seen[course.Id], "course %d comes twice", course.Id)
			seen[course.Id] = true
		}
		next := nextPage.FindStringSubmatch(list.HTTPResponse.Header.Get("Link"))
		check(next != nil, "no next page in %q", list.HTTPResponse.Header.Get("Link"))
		after := forge.After(next[1])
		params.After = &after
	}
	return len(seen)
}

func main() {
	check(len(os.Args) == 2, "usage: session BASE")
	ctx := context.Background()
	client, err := forge.NewClientWithResponses(os.Args[1])
	check(err == nil, "%v", err)
	random := make([]byte, 6)
	_, err = rand.Read(random)
	check(err == nil, "%v", err)
	name := "go_" + hex.EncodeToString(random)
	email := openapi_types.Email(name + "@example.org")
	role := forge.AssignableRoleInstructor

	spoken := forge.AcceptLanguage("de-AT,de;q=0.9")
	made, err := client.AuthRegisterWithResponse(ctx, &forge.AuthRegisterParams{AcceptLanguage: &spoken}, forge.AuthRegisterRequest{Email: email, Username: &name, Password: password, Role: &role})
	done("register", err, made.HTTPResponse, made.Body, 201)
	check(made.JSON201.User.Locale != nil && *made.JSON201.User.Locale == "de-AT", "the new account's language: %s", made.Body)
	check(*made.JSON201.User.Email == email && made.JSON201.User.Role == forge.AccountRoleInstructor, "register: %s", made.Body)

	login, err := client.AuthLoginWithResponse(ctx, forge.AuthLoginRequest{Username: &name, Password: password})
	done("login", err, login.HTTPResponse, login.Body, 200)
	check(login.JSON200.MfaRequired == nil && login.JSON200.AccessToken != nil, "login: %s", login.Body)
	token := with(*login.JSON200.AccessToken)

	level := forge.Difficulty("advanced")
	course, err := client.CourseCreateWithResponse(ctx, nil, forge.CourseCreateRequest{Title: "Generated clients", Difficulty: &level}, token)
	done("create", err, course.HTTPResponse, course.Body, 201)
	check(course.JSON201.Difficulty == level && course.JSON201.Version == 1, "create: %s", course.Body)
	read, err := client.CourseGetWithResponse(ctx, course.JSON201.Id, nil, token)
	done("read", err, read.HTTPResponse, read.Body, 200)
	check(read.JSON200.Title == "Generated clients" && !read.JSON200.CreatedAt.IsZero(), "read: %s", read.Body)

	check(pages(ctx, client) == 6, "three pages of two have no six courses")

	wrong, err := client.CourseCreateWithResponse(ctx, nil, forge.CourseCreateRequest{Title: ""}, token)
	done("a wrong body", err, wrong.HTTPResponse, wrong.Body, 422)
	problem := wrong.ApplicationproblemJSON422
	check(problem != nil && problem.Code == "validation_failed" && (*problem.Errors)[0].Pointer == "/title", "problem: %s", wrong.Body)
	old := forge.IfMatch(`"v7"`)
	late, err := client.CourseDeleteWithResponse(ctx, course.JSON201.Id, &forge.CourseDeleteParams{IfMatch: &old}, token)
	done("an old ETag", err, late.HTTPResponse, late.Body, 412)

	fresh, err := client.AuthRefreshWithResponse(ctx, forge.AuthRefreshRequest{RefreshToken: *login.JSON200.RefreshToken})
	done("refresh", err, fresh.HTTPResponse, fresh.Body, 200)
	token = with(fresh.JSON200.AccessToken)
	gone, err := client.CourseDeleteWithResponse(ctx, course.JSON201.Id, nil, token)
	done("delete", err, gone.HTTPResponse, gone.Body, 204)
	out, err := client.AuthLogoutWithResponse(ctx, token)
	done("logout", err, out.HTTPResponse, out.Body, 204)
	me, err := client.AuthMeWithResponse(ctx, nil, token)
	done("after the logout", err, me.HTTPResponse, me.Body, 401)
	check(me.ApplicationproblemJSON401.Code == "invalid_token", "after the logout: %s", me.Body)
}
