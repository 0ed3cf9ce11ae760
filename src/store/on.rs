//! How one statement runs on whichever engine is open.

/// Runs one query, written once, on whichever engine is open.
///
/// The body is expanded for each engine, so `sqlx::query_as(SQL).bind(..).fetch_one(c)` finds its
/// driver by the type of `c`; a `QueryBuilder` inside writes each engine's own placeholders. Boxed,
/// as the driver's futures are large and every caller's would grow by each of them.
macro_rules! on {
    ($conn:expr, |$c:ident| $query:expr) => {
        match &mut $conn.engine {
            $crate::store::Engine::Sqlite(open) => {
                let $c: &mut sqlx::SqliteConnection = &mut **open;
                ::std::boxed::Box::pin($query).await
            }
            $crate::store::Engine::SqliteTx(open) => {
                let $c: &mut sqlx::SqliteConnection = &mut **open;
                ::std::boxed::Box::pin($query).await
            }
            $crate::store::Engine::Postgres(open) => {
                let $c: &mut sqlx::PgConnection = &mut **open;
                ::std::boxed::Box::pin($query).await
            }
            $crate::store::Engine::PostgresTx(open) => {
                let $c: &mut sqlx::PgConnection = &mut **open;
                ::std::boxed::Box::pin($query).await
            }
        }
    };
}
