// SPDX-License-Identifier: Apache-2.0

//! A peer of mod_forge: the calls that tests/bench/peers/run measures, by axum and tokio-postgres, as a team would
//! write them for production. Environment: PEER_PORT, PEER_DSN, PEER_SECRET (of HS256), PEER_POOL (connections).
use axum::{
    extract::{rejection::JsonRejection, FromRef, FromRequestParts, Path, State},
    http::{header, request::Parts, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
    Json, Router,
};
use chrono::{DateTime, Utc};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde::{Deserialize, Serialize};
use std::{env, error::Error, sync::Arc};
use tokio_postgres::{types::ToSql, NoTls, Row};

const ISSUER: &str = "mod_forge";
const AUDIENCE: &str = "forge";
const TOKEN_LIFE: i64 = 3600;

macro_rules! course_columns {
    () => {
        "id, title, description, difficulty, instructor_id, organization_id, status, timezone, version, created_at, \
         updated_at"
    };
}
macro_rules! user_columns {
    () => {
        "u.id, u.email, u.username, u.full_name, u.bio, u.avatar_url, u.role, u.is_active, u.email_verified, u.locale, \
         u.timezone, u.created_at, u.updated_at"
    };
}

const COURSE_GET: &str = concat!(
    "SELECT ",
    course_columns!(),
    " FROM forge.courses WHERE id = $1 AND organization_id IS NULL AND status = 'published'"
);
const COURSE_LIST: &str = concat!(
    "SELECT ",
    course_columns!(),
    " FROM forge.courses WHERE organization_id IS NULL AND status = 'published' ORDER BY id LIMIT 100"
);
const COURSE_CREATE: &str = concat!(
    "INSERT INTO forge.courses (title, description, difficulty, status, timezone, instructor_id)",
    " VALUES ($1, $2, $3, $4, $5, $6) RETURNING ",
    course_columns!()
);
const USER_ME: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", (SELECT count(*) FROM forge.sessions s",
    " WHERE s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > now()),",
    " u.last_login_at, host(u.last_login_ip),",
    " EXISTS (SELECT FROM forge.mfa_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL),",
    " CASE WHEN u.password_hash IS NOT NULL THEN u.password_changed_at END",
    " FROM forge.users u WHERE u.id = $1 AND u.is_active"
);
const USER_BY_EMAIL: &str =
    concat!("SELECT ", user_columns!(), ", u.password_hash FROM forge.users u WHERE u.email_key = $1 AND u.is_active");
const USER_SEEN: &str = "UPDATE forge.users SET last_login_at = now() WHERE id = $1";

#[derive(Serialize)]
struct Course {
    id: i64,
    title: String,
    description: String,
    difficulty: String,
    instructor_id: i64,
    organization_id: Option<i64>,
    status: String,
    timezone: String,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<&Row> for Course {
    fn from(row: &Row) -> Self {
        Course {
            id: row.get(0),
            title: row.get(1),
            description: row.get(2),
            difficulty: row.get(3),
            instructor_id: row.get(4),
            organization_id: row.get(5),
            status: row.get(6),
            timezone: row.get(7),
            version: row.get(8),
            created_at: row.get(9),
            updated_at: row.get(10),
        }
    }
}

#[derive(Serialize)]
struct User {
    id: i64,
    email: Option<String>,
    username: Option<String>,
    full_name: Option<String>,
    bio: Option<String>,
    avatar_url: Option<String>,
    role: String,
    is_active: bool,
    email_verified: bool,
    locale: Option<String>,
    timezone: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<&Row> for User {
    fn from(row: &Row) -> Self {
        User {
            id: row.get(0),
            email: row.get(1),
            username: row.get(2),
            full_name: row.get(3),
            bio: row.get(4),
            avatar_url: row.get(5),
            role: row.get(6),
            is_active: row.get(7),
            email_verified: row.get(8),
            locale: row.get(9),
            timezone: row.get(10),
            created_at: row.get(11),
            updated_at: row.get(12),
        }
    }
}

impl User {
    /// What a profile has, in per cent.
    fn completion(&self) -> usize {
        let texts =
            [&self.email, &self.username, &self.full_name, &self.bio, &self.avatar_url, &self.locale, &self.timezone];
        let filled = texts.iter().filter(|text| text.as_deref().is_some_and(|t| !t.is_empty())).count();
        100 * (filled + usize::from(self.email_verified)) / 8
    }
}

#[derive(Serialize)]
struct Sessions {
    active: i64,
    last_login_at: Option<DateTime<Utc>>,
    last_login_ip: Option<String>,
}

#[derive(Serialize)]
struct Me {
    #[serde(flatten)]
    user: User,
    sessions: Sessions,
    mfa_enabled: bool,
    profile_completion: usize,
    password_changed_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCourse {
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    difficulty: Difficulty,
    #[serde(default)]
    status: Status,
    #[serde(default = "utc")]
    timezone: String,
}

fn utc() -> String {
    "UTC".into()
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Difficulty {
    #[default]
    Beginner,
    Intermediate,
    Advanced,
}

impl Difficulty {
    fn name(self) -> &'static str {
        match self {
            Difficulty::Beginner => "beginner",
            Difficulty::Intermediate => "intermediate",
            Difficulty::Advanced => "advanced",
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    #[default]
    Published,
    Draft,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Status::Published => "published",
            Status::Draft => "draft",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    email: String,
    password: String,
}

#[derive(Serialize)]
struct Answer {
    user: User,
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    role: String,
    iat: i64,
    exp: i64,
}

struct Failure(StatusCode, String);
type Outcome<T> = Result<T, Failure>;

impl Failure {
    fn of(status: StatusCode) -> Self {
        Failure(status, String::new())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Problem {
            title: &'static str,
            status: u16,
            detail: String,
        }
        let Failure(status, detail) = self;
        let title = status.canonical_reason().unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, Json(Problem { title, status: status.as_u16(), detail })).into_response()
    }
}

/// What the caller cannot mend: the log has it, the answer has not.
fn broken(error: impl Error) -> Failure {
    eprintln!("{error}");
    Failure::of(StatusCode::INTERNAL_SERVER_ERROR)
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Failure(StatusCode::UNPROCESSABLE_ENTITY, rejection.body_text())
    }
}

struct Keys {
    verify: DecodingKey,
    sign: EncodingKey,
    rules: Validation,
}

#[derive(Clone, FromRef)]
struct App {
    pool: Pool,
    keys: Arc<Keys>,
}

/// Who a good bearer token speaks of.
struct Caller {
    id: i64,
    role: String,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Outcome<Self> {
        let refused = || Failure(StatusCode::UNAUTHORIZED, "this needs a bearer token".into());
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let token = value.and_then(|v| v.strip_prefix("Bearer ")).ok_or_else(refused)?;
        let keys = &app.keys;
        let claims = jsonwebtoken::decode::<Claims>(token, &keys.verify, &keys.rules).map_err(|_| refused())?.claims;
        Ok(Caller { id: claims.sub.parse().map_err(|_| refused())?, role: claims.role })
    }
}

async fn client(pool: &Pool) -> Outcome<Object> {
    pool.get().await.map_err(broken)
}

/// The statement is prepared once on each connection.
async fn rows(pool: &Pool, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Outcome<Vec<Row>> {
    let client = client(pool).await?;
    let statement = client.prepare_cached(sql).await.map_err(broken)?;
    client.query(&statement, values).await.map_err(broken)
}

async fn row(pool: &Pool, sql: &str, values: &[&(dyn ToSql + Sync)], missing: StatusCode) -> Outcome<Row> {
    rows(pool, sql, values).await?.pop().ok_or(Failure::of(missing))
}

async fn live() -> impl IntoResponse {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
    }
    Json(Health { status: "pass" })
}

async fn get_course(State(pool): State<Pool>, Path(id): Path<String>) -> Outcome<Json<Course>> {
    let id: i64 = id.parse().map_err(|_| Failure::of(StatusCode::NOT_FOUND))?;
    let row = row(&pool, COURSE_GET, &[&id], StatusCode::NOT_FOUND).await?;
    Ok(Json(Course::from(&row)))
}

async fn list_courses(State(pool): State<Pool>) -> Outcome<Json<Vec<Course>>> {
    Ok(Json(rows(&pool, COURSE_LIST, &[]).await?.iter().map(Course::from).collect()))
}

fn line(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

async fn create_course(
    State(pool): State<Pool>,
    caller: Caller,
    body: Result<Json<NewCourse>, JsonRejection>,
) -> Outcome<impl IntoResponse> {
    if caller.role != "instructor" && caller.role != "admin" {
        return Err(Failure(StatusCode::FORBIDDEN, "only instructors may create courses".into()));
    }
    let Json(new) = body?;
    let wrong = |detail: &str| Err(Failure(StatusCode::UNPROCESSABLE_ENTITY, detail.into()));
    if !line(&new.title, 200) {
        return wrong("title: 1 to 200 characters in one line");
    }
    if new.description.chars().count() > 20000 {
        return wrong("description: at most 20000 characters");
    }
    if !line(&new.timezone, 64) {
        return wrong("timezone: 1 to 64 characters");
    }
    let (difficulty, status) = (new.difficulty.name(), new.status.name());
    let values: [&(dyn ToSql + Sync); 6] =
        [&new.title, &new.description, &difficulty, &status, &new.timezone, &caller.id];
    let course = Course::from(&row(&pool, COURSE_CREATE, &values, StatusCode::INTERNAL_SERVER_ERROR).await?);
    let location = [(header::LOCATION, format!("/api/v1/courses/{}", course.id))];
    Ok((StatusCode::CREATED, location, Json(course)))
}

async fn get_me(State(pool): State<Pool>, caller: Caller) -> Outcome<Json<Me>> {
    let row = row(&pool, USER_ME, &[&caller.id], StatusCode::UNAUTHORIZED).await?;
    let user = User::from(&row);
    Ok(Json(Me {
        profile_completion: user.completion(),
        user,
        sessions: Sessions { active: row.get(13), last_login_at: row.get(14), last_login_ip: row.get(15) },
        mfa_enabled: row.get(16),
        password_changed_at: row.get(17),
    }))
}

/// bcrypt keeps a processor busy: it runs in the threads for what blocks.
async fn login(State(app): State<App>, body: Result<Json<Credentials>, JsonRejection>) -> Outcome<Json<Answer>> {
    let Json(given) = body?;
    let row = row(&app.pool, USER_BY_EMAIL, &[&given.email.to_lowercase()], StatusCode::UNAUTHORIZED).await?;
    let (user, hash) = (User::from(&row), row.get::<_, Option<String>>(13).unwrap_or_default());
    let checked = tokio::task::spawn_blocking(move || bcrypt::verify(given.password, &hash).unwrap_or(false));
    if !checked.await.map_err(broken)? {
        return Err(Failure::of(StatusCode::UNAUTHORIZED));
    }
    rows(&app.pool, USER_SEEN, &[&user.id]).await?;
    let now = Utc::now().timestamp();
    let claims = Claims {
        iss: ISSUER.into(),
        aud: AUDIENCE.into(),
        sub: user.id.to_string(),
        role: user.role.clone(),
        iat: now,
        exp: now + TOKEN_LIFE,
    };
    let access_token = jsonwebtoken::encode(&Default::default(), &claims, &app.keys.sign).map_err(broken)?;
    Ok(Json(Answer { user, access_token, token_type: "bearer", expires_in: TOKEN_LIFE }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let manager = Manager::from_config(
        env::var("PEER_DSN")?.parse()?,
        NoTls,
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    let size = env::var("PEER_POOL").ok().and_then(|n| n.parse().ok()).unwrap_or(16);
    let secret = env::var("PEER_SECRET")?;
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["exp", "iss", "aud"]);
    rules.leeway = 0;
    let keys = Keys {
        verify: DecodingKey::from_secret(secret.as_bytes()),
        sign: EncodingKey::from_secret(secret.as_bytes()),
        rules,
    };
    let app = App { pool: Pool::builder(manager).max_size(size).build()?, keys: Arc::new(keys) };
    let router = Router::new()
        .route("/health/live", get(live))
        .route("/api/v1/courses", get(list_courses).post(create_course))
        .route("/api/v1/courses/{id}", get(get_course))
        .route("/api/v1/auth/me", get(get_me))
        .route("/api/v1/auth/login", post(login))
        .with_state(app);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{}", env::var("PEER_PORT")?)).await?;
    let listener = listener.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}
