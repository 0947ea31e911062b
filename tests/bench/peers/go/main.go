// SPDX-License-Identifier: Apache-2.0

// A peer of mod_forge: the calls that tests/bench/peers/run measures, by net/http and pgx, as a team would write them
// for production. Environment: PEER_PORT, PEER_DSN, PEER_SECRET (of HS256), PEER_POOL (connections).
// "peer hash PASSWORD COST" prints a bcrypt hash.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/crypto/bcrypt"
)

const (
	issuer, audience = "mod_forge", "forge"
	tokenLife        = time.Hour
	bodyMax          = 1 << 20

	courseColumns = "id, title, description, difficulty, instructor_id, organization_id, status, timezone," +
		" version, created_at, updated_at"
	courseOpen   = "organization_id IS NULL AND status = 'published'"
	courseGet    = "SELECT " + courseColumns + " FROM forge.courses WHERE id = $1 AND " + courseOpen
	courseList   = "SELECT " + courseColumns + " FROM forge.courses WHERE " + courseOpen + " ORDER BY id LIMIT 100"
	courseCreate = "INSERT INTO forge.courses (title, description, difficulty, status, timezone, instructor_id)" +
		" VALUES ($1, $2, $3, $4, $5, $6) RETURNING " + courseColumns

	userColumns = "u.id, u.email, u.username, u.full_name, u.bio, u.avatar_url, u.role, u.is_active," +
		" u.email_verified, u.locale, u.timezone, u.created_at, u.updated_at"
	userMe = "SELECT " + userColumns + "," +
		" (SELECT count(*) FROM forge.sessions s" +
		" WHERE s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > now())," +
		" u.last_login_at, host(u.last_login_ip)," +
		" EXISTS (SELECT FROM forge.mfa_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL)," +
		" CASE WHEN u.password_hash IS NOT NULL THEN u.password_changed_at END" +
		" FROM forge.users u WHERE u.id = $1 AND u.is_active"
	userByEmail = "SELECT " + userColumns + ", u.password_hash" +
		" FROM forge.users u WHERE u.email_key = $1 AND u.is_active"
	userSeen = "UPDATE forge.users SET last_login_at = now() WHERE id = $1"
)

type course struct {
	ID             int64     `json:"id"`
	Title          string    `json:"title"`
	Description    string    `json:"description"`
	Difficulty     string    `json:"difficulty"`
	InstructorID   int64     `json:"instructor_id"`
	OrganizationID *int64    `json:"organization_id"`
	Status         string    `json:"status"`
	Timezone       string    `json:"timezone"`
	Version        int64     `json:"version"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

type user struct {
	ID            int64     `json:"id"`
	Email         *string   `json:"email"`
	Username      *string   `json:"username"`
	FullName      *string   `json:"full_name"`
	Bio           *string   `json:"bio"`
	AvatarURL     *string   `json:"avatar_url"`
	Role          string    `json:"role"`
	IsActive      bool      `json:"is_active"`
	EmailVerified bool      `json:"email_verified"`
	Locale        *string   `json:"locale"`
	Timezone      *string   `json:"timezone"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

type sessions struct {
	Active      int64      `json:"active"`
	LastLoginAt *time.Time `json:"last_login_at"`
	LastLoginIP *string    `json:"last_login_ip"`
}

type me struct {
	user
	Sessions          sessions   `json:"sessions"`
	MFAEnabled        bool       `json:"mfa_enabled"`
	ProfileCompletion int        `json:"profile_completion"`
	PasswordChangedAt *time.Time `json:"password_changed_at"`
}

type newCourse struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Difficulty  string `json:"difficulty"`
	Status      string `json:"status"`
	Timezone    string `json:"timezone"`
}

type credentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

type answer struct {
	User        user   `json:"user"`
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
}

type claims struct {
	Role string `json:"role"`
	jwt.RegisteredClaims
}

type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

type server struct {
	pool   *pgxpool.Pool
	secret []byte
	parser *jwt.Parser
}

func send(w http.ResponseWriter, status int, kind string, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func reply(w http.ResponseWriter, status int, value any) { send(w, status, "application/json", value) }

func fail(w http.ResponseWriter, status int, detail string) {
	send(w, status, "application/problem+json", problem{http.StatusText(status), status, detail})
}

// failed tells a row that is not there from a database that does not answer.
func failed(w http.ResponseWriter, err error, missing int) {
	if errors.Is(err, pgx.ErrNoRows) {
		fail(w, missing, "")
		return
	}
	log.Print(err)
	fail(w, http.StatusInternalServerError, "")
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyMax))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		fail(w, http.StatusUnprocessableEntity, err.Error())
		return false
	}
	return true
}

// caller checks the bearer token; without a good one the answer is 401.
func (s *server) caller(w http.ResponseWriter, r *http.Request) (int64, *claims) {
	if text, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
		var c claims
		key := func(*jwt.Token) (any, error) { return s.secret, nil }
		if _, err := s.parser.ParseWithClaims(text, &c, key); err == nil {
			if id, err := strconv.ParseInt(c.Subject, 10, 64); err == nil {
				return id, &c
			}
		}
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	fail(w, http.StatusUnauthorized, "this needs a bearer token")
	return 0, nil
}

func live(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]string{"status": "pass"})
}

func courseOf(row pgx.CollectableRow) (course, error) {
	var c course
	err := row.Scan(&c.ID, &c.Title, &c.Description, &c.Difficulty, &c.InstructorID, &c.OrganizationID, &c.Status,
		&c.Timezone, &c.Version, &c.CreatedAt, &c.UpdatedAt)
	c.CreatedAt, c.UpdatedAt = c.CreatedAt.UTC(), c.UpdatedAt.UTC()
	return c, err
}

func (s *server) getCourse(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		fail(w, http.StatusNotFound, "")
		return
	}
	rows, _ := s.pool.Query(r.Context(), courseGet, id) // CollectOneRow tells its error
	c, err := pgx.CollectOneRow(rows, courseOf)
	if err != nil {
		failed(w, err, http.StatusNotFound)
		return
	}
	reply(w, http.StatusOK, c)
}

func (s *server) listCourses(w http.ResponseWriter, r *http.Request) {
	rows, _ := s.pool.Query(r.Context(), courseList)
	list, err := pgx.AppendRows(make([]course, 0, 100), rows, courseOf)
	if err != nil {
		failed(w, err, http.StatusNotFound)
		return
	}
	reply(w, http.StatusOK, list)
}

func between(text string, least, most int) bool {
	n := utf8.RuneCountInString(text)
	return n >= least && n <= most && utf8.ValidString(text)
}

// wrong says what a new course must not be; "" when it may.
func (c *newCourse) wrong() string {
	switch {
	case !between(c.Title, 1, 200) || strings.ContainsFunc(c.Title, unicode.IsControl):
		return "title: 1 to 200 characters in one line"
	case !between(c.Description, 0, 20000):
		return "description: at most 20000 characters"
	case c.Difficulty != "beginner" && c.Difficulty != "intermediate" && c.Difficulty != "advanced":
		return "difficulty: beginner, intermediate or advanced"
	case c.Status != "published" && c.Status != "draft":
		return "status: published or draft"
	case !between(c.Timezone, 1, 64) || strings.ContainsFunc(c.Timezone, unicode.IsControl):
		return "timezone: 1 to 64 characters"
	}
	return ""
}

func (s *server) createCourse(w http.ResponseWriter, r *http.Request) {
	id, who := s.caller(w, r)
	if who == nil {
		return
	}
	if who.Role != "instructor" && who.Role != "admin" {
		fail(w, http.StatusForbidden, "only instructors may create courses")
		return
	}
	in := newCourse{Difficulty: "beginner", Status: "published", Timezone: "UTC"}
	if !read(w, r, &in) {
		return
	}
	if detail := in.wrong(); detail != "" {
		fail(w, http.StatusUnprocessableEntity, detail)
		return
	}
	rows, _ := s.pool.Query(r.Context(), courseCreate, in.Title, in.Description, in.Difficulty, in.Status, in.Timezone,
		id)
	c, err := pgx.CollectOneRow(rows, courseOf)
	if err != nil {
		failed(w, err, http.StatusNotFound)
		return
	}
	w.Header().Set("Location", "/api/v1/courses/"+strconv.FormatInt(c.ID, 10))
	reply(w, http.StatusCreated, c)
}

// fields are where userColumns go.
func (u *user) fields() []any {
	return []any{&u.ID, &u.Email, &u.Username, &u.FullName, &u.Bio, &u.AvatarURL, &u.Role, &u.IsActive,
		&u.EmailVerified, &u.Locale, &u.Timezone, &u.CreatedAt, &u.UpdatedAt}
}

func utc(t *time.Time) {
	if t != nil {
		*t = t.UTC()
	}
}

// completion counts what a profile has, in per cent.
func (u *user) completion() int {
	n := 0
	for _, text := range []*string{u.Email, u.Username, u.FullName, u.Bio, u.AvatarURL, u.Locale, u.Timezone} {
		if text != nil && *text != "" {
			n++
		}
	}
	if u.EmailVerified {
		n++
	}
	return 100 * n / 8
}

func (s *server) getMe(w http.ResponseWriter, r *http.Request) {
	id, who := s.caller(w, r)
	if who == nil {
		return
	}
	var m me
	err := s.pool.QueryRow(r.Context(), userMe, id).Scan(append(m.fields(), &m.Sessions.Active, &m.Sessions.LastLoginAt,
		&m.Sessions.LastLoginIP, &m.MFAEnabled, &m.PasswordChangedAt)...)
	if err != nil {
		failed(w, err, http.StatusUnauthorized)
		return
	}
	for _, t := range []*time.Time{&m.CreatedAt, &m.UpdatedAt, m.Sessions.LastLoginAt, m.PasswordChangedAt} {
		utc(t)
	}
	m.ProfileCompletion = m.completion()
	reply(w, http.StatusOK, m)
}

func (s *server) login(w http.ResponseWriter, r *http.Request) {
	var in credentials
	if !read(w, r, &in) {
		return
	}
	var u user
	var hash string
	err := s.pool.QueryRow(r.Context(), userByEmail, strings.ToLower(in.Email)).Scan(append(u.fields(), &hash)...)
	if err != nil {
		failed(w, err, http.StatusUnauthorized)
		return
	}
	if bcrypt.CompareHashAndPassword([]byte(hash), []byte(in.Password)) != nil {
		fail(w, http.StatusUnauthorized, "")
		return
	}
	if _, err := s.pool.Exec(r.Context(), userSeen, u.ID); err != nil {
		failed(w, err, http.StatusUnauthorized)
		return
	}
	utc(&u.CreatedAt)
	utc(&u.UpdatedAt)
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{u.Role, jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: strconv.FormatInt(u.ID, 10),
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(tokenLife)),
	}}).SignedString(s.secret)
	if err != nil {
		failed(w, err, http.StatusUnauthorized)
		return
	}
	reply(w, http.StatusOK, answer{u, token, "bearer", int(tokenLife.Seconds())})
}

func serve() error {
	config, err := pgxpool.ParseConfig(os.Getenv("PEER_DSN"))
	if err != nil {
		return err
	}
	size, err := strconv.ParseInt(os.Getenv("PEER_POOL"), 10, 32)
	if err != nil {
		size = 16
	}
	config.MaxConns, config.MinConns = int32(size), int32(size)
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired())
	s := &server{pool, []byte(os.Getenv("PEER_SECRET")), parser}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health/live", live)
	mux.HandleFunc("GET /api/v1/courses/{id}", s.getCourse)
	mux.HandleFunc("GET /api/v1/courses", s.listCourses)
	mux.HandleFunc("POST /api/v1/courses", s.createCourse)
	mux.HandleFunc("GET /api/v1/auth/me", s.getMe)
	mux.HandleFunc("POST /api/v1/auth/login", s.login)
	return (&http.Server{Addr: "127.0.0.1:" + os.Getenv("PEER_PORT"), Handler: mux, ReadTimeout: 10 * time.Second,
		WriteTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}).ListenAndServe()
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "hash" {
		cost, err := strconv.Atoi(os.Args[3])
		if err != nil {
			log.Fatal(err)
		}
		hash, err := bcrypt.GenerateFromPassword([]byte(os.Args[2]), cost)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(hash))
		return
	}
	log.Fatal(serve())
}
