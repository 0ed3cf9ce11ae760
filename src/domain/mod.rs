//! What the product is about: ids, parsed values, entities. A value that exists is valid.

mod audit;
mod budget;
mod caps;
mod contact;
mod email;
mod export;
mod id;
mod identity;
mod key;
mod message;
mod origin;
mod patch;
mod principal;
mod scope;
mod session;
mod text;
mod time;
mod usage;
mod user;

pub use audit::{AuditEntry, Event};
pub use budget::{Holder, Window};
pub use caps::{Budget, Caps, FlatCaps, Period};
pub use contact::Contact;
pub use email::Email;
pub use export::{ExportedAccount, KeptAnswer, Spent, UsageEntry};
pub use id::{
    AuditId, ClaimId, IdempotencyKey, KeyId, MessageId, ProcessId, RequestId, RowId, SessionId,
    UserId,
};
pub use identity::{Identity, KnownIdentity};
pub use key::ApiKey;
pub use message::{Channel, LiveCode, Purpose, WaitingMessage};
pub use origin::{Actor, Origin};
pub use patch::{Patch, not_null};
pub use principal::{Principal, Via};
pub use scope::{Scope, Scopes};
pub use session::ActiveSession;
pub use text::{Name, Username};
pub use time::Ts;
pub use usage::{Charge, Grouping, Outcome, Sums, UsageRow};
pub use user::{Role, Status, User};
