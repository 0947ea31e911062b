// SPDX-License-Identifier: Apache-2.0

// A short session with the client that ogen makes of some operations (ogen-some.yml): session BASE USERNAME PASSWORD, of
// an instructor. Exit code 1 where something is not as the document promises.
package main

import (
	"bytes"
	"context"
	"fmt"
	"net/textproto"
	"os"

	forge "clients/some"

	ht "github.com/ogen-go/ogen/http"
	"github.com/ogen-go/ogen/ogenerrors"
)

// A caller has a token once it has logged in. The password itself is sent by no call: it is only how a token is got.
type caller struct{ token string }

func (c *caller) BearerToken(context.Context, forge.OperationName) (forge.BearerToken, error) {
	if c.token == "" {
		return forge.BearerToken{}, ogenerrors.ErrSkipClientSecurity
	}
	return forge.BearerToken{Token: c.token}, nil
}

func (c *caller) PasswordLogin(context.Context, forge.OperationName) (forge.PasswordLogin, error) {
	return forge.PasswordLogin{}, ogenerrors.ErrSkipClientSecurity
}

func check(good bool, format string, args ...any) {
	if !good {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		os.Exit(1)
	}
}

// as is the answer of a call, of which each status has a type of its own.
func as[T any](what string, answer any, err error) T {
	check(err == nil, "%s: %v", what, err)
	right, good := answer.(T)
	check(good, "%s: %T: %+v", what, answer, answer)
	return right
}

// upload sends a file with its media type, and deletes it: there is none like it before and after.
func upload(ctx context.Context, client *forge.Client) {
	content := []byte("%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n")
	declared := textproto.MIMEHeader{"Content-Type": {"application/pdf"}}
	request := forge.FileUploadRequestMultipart{
		File: ht.MultipartFile{Name: "ogen.pdf", File: bytes.NewReader(content), Header: declared}}
	answer, err := client.FileUpload(ctx, &request, forge.FileUploadParams{})
	file := as[*forge.FileUploadCreatedHeaders]("upload", answer, err).Response
	check(file.Size == int64(len(content)), "upload: %+v", file)
	gone, err := client.FileDelete(ctx, forge.FileDeleteParams{ID: file.ID})
	as[*forge.FileDeleteNoContent]("delete the file", gone, err)
}

func main() {
	check(len(os.Args) == 4, "usage: session BASE USERNAME PASSWORD")
	ctx, me := context.Background(), &caller{}
	client, err := forge.NewClient(os.Args[1], me)
	check(err == nil, "%v", err)

	answer, err := client.AuthLogin(ctx, &forge.AuthLoginApplicationJSON{Username: forge.NewOptString(os.Args[2]), Password: os.Args[3]})
	login := as[*forge.LoginHeaders]("login", answer, err).Response
	check(login.AccessToken.Set && login.User.Value.Role == forge.AccountRoleInstructor, "login: %+v", login)
	me.token = login.AccessToken.Value

	listed, err := client.CourseList(ctx, forge.CourseListParams{Limit: forge.NewOptInt64(3), Count: forge.NewOptBool(true)})
	list := as[*forge.CourseListOKHeaders]("list", listed, err)
	check(len(list.Response) == 3 && list.XTotalCount.Value > 3 && list.Link.Set, "list: %+v", list)

	made, err := client.CourseCreate(ctx, &forge.CourseCreateRequest{}, forge.CourseCreateParams{})
	problem := as[*forge.UnprocessableEntityHeaders]("a wrong body", made, err).Response
	check(problem.Code == "validation_failed" && problem.Errors[0].Pointer == "/title", "a wrong body: %+v", problem)

	upload(ctx, client)
	out, err := client.AuthLogout(ctx)
	as[*forge.AuthLogoutNoContent]("logout", out, err)
	after, err := client.AuthMe(ctx, forge.AuthMeParams{})
	refused := as[*forge.UnauthorizedHeaders]("after the logout", after, err).Response
	check(refused.Code == "invalid_token", "after the logout: %+v", refused)
}
