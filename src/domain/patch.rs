//! A member of a change: it is left out, null, or a value.

use serde::{Deserialize, Deserializer};

/// What becomes of a value that may be missing. A field of this type needs `#[serde(default)]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Nothing was said.
    #[default]
    Keep,
    /// Null was said.
    Clear,
    Set(T),
}

impl<T> Patch<T> {
    /// What comes out where there is this now.
    pub fn over(self, kept: Option<T>) -> Option<T> {
        match self {
            Self::Keep => kept,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    pub fn as_ref(&self) -> Patch<&T> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(value),
        }
    }

    /// Whether anything is to become of it.
    pub fn is_said(&self) -> bool {
        !matches!(self, Self::Keep)
    }

    /// The new value, if there is one.
    pub fn value(self) -> Option<T> {
        self.over(None)
    }
}

/// Reads a member that may be left out, and may not be null: such a field needs `#[serde(default)]` too.
pub fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let said = Option::deserialize(from)?;
        Ok(said.map_or(Self::Clear, Self::Set))
    }
}
