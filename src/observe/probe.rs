//! What can be said of a value whose type only the compiler knows.
//!
//! A macro cannot ask whether a type is `Serialize`. Method resolution can: it looks for a method
//! from the outside in, and takes the first that applies. `(&&Probe(&value)).warmspan_value()` is
//! the method of `&Probe<T>` where `T: Serialize`, and else that of `Probe<T>`, for every `T`.
//! This works on stable and without `unsafe`, but only where the type is concrete: in the
//! expansion, not in a function of ours. In a generic function without the bound it falls back.
//!
//! The methods have long names because the user's own traits are in scope where they are called.

use std::{
    any::type_name,
    convert::Infallible,
    fmt::{Display, Write as _},
};

use serde::{Serialize, Serializer};

use super::Chunks;

/// A value about to be looked at.
#[derive(Debug)]
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// A value that can be serialised is recorded as it is.
pub trait ValueSerialized<'a> {
    /// The type of the value.
    type Value: Serialize;

    /// What to record.
    fn warmspan_value(&self) -> Self::Value;
}

impl<'a, T: Serialize + ?Sized> ValueSerialized<'a> for &Probe<'a, T> {
    type Value = &'a T;

    fn warmspan_value(&self) -> &'a T {
        self.0
    }
}

/// Any other value is recorded as the name of its type, never by `Debug`, which prints secrets.
pub trait ValueNamed {
    /// What to record.
    fn warmspan_value(&self) -> TypeName;
}

impl<T: ?Sized> ValueNamed for Probe<'_, T> {
    fn warmspan_value(&self) -> TypeName {
        TypeName(type_name::<T>())
    }
}

/// The name of a type.
#[derive(Debug)]
pub struct TypeName(&'static str);

impl Serialize for TypeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// A `Result` is a value or an error.
pub trait OutcomeOfResult<'a> {
    /// The type of the value.
    type Value;
    /// The type of the error.
    type Error;

    /// One of both.
    ///
    /// # Errors
    ///
    /// It is an error.
    fn warmspan_outcome(&self) -> Result<&'a Self::Value, &'a Self::Error>;
}

impl<'a, T, E> OutcomeOfResult<'a> for &Probe<'a, Result<T, E>> {
    type Value = T;
    type Error = E;

    #[inline]
    fn warmspan_outcome(&self) -> Result<&'a T, &'a E> {
        self.0.as_ref()
    }
}

/// Whatever is not a `Result` is a value.
pub trait OutcomeOfValue<'a> {
    /// The type of the value.
    type Value: ?Sized;

    /// The value.
    ///
    /// # Errors
    ///
    /// Never.
    fn warmspan_outcome(&self) -> Result<&'a Self::Value, &'a Infallible>;
}

impl<'a, T: ?Sized> OutcomeOfValue<'a> for Probe<'a, T> {
    type Value = T;

    #[inline]
    fn warmspan_outcome(&self) -> Result<&'a T, &'a Infallible> {
        Ok(self.0)
    }
}

/// An error that can be displayed is recorded as its message.
pub trait ErrorDisplayed {
    /// The message.
    fn warmspan_message(&self) -> String;
}

impl<T: Display + ?Sized> ErrorDisplayed for &Probe<'_, T> {
    fn warmspan_message(&self) -> String {
        let mut message = String::new();
        // A `Display` that fails leaves what it wrote; `to_string` would panic.
        let _ = write!(message, "{}", self.0);
        message
    }
}

/// Any other error is recorded as the name of its type, never by `Debug`, which prints secrets.
pub trait ErrorNamed {
    /// The message.
    fn warmspan_message(&self) -> String;
}

impl<T: ?Sized> ErrorNamed for Probe<'_, T> {
    fn warmspan_message(&self) -> String {
        type_name::<T>().to_owned()
    }
}

/// The items of a stream that are text are joined.
pub trait ItemText {
    /// Records an item.
    fn warmspan_item(&self, chunks: &mut Chunks);
}

impl<T: AsRef<str> + ?Sized> ItemText for &&Probe<'_, T> {
    fn warmspan_item(&self, chunks: &mut Chunks) {
        chunks.text(self.0.as_ref());
    }
}

/// Items that can be serialised become a list.
pub trait ItemSerialized {
    /// Records an item.
    fn warmspan_item(&self, chunks: &mut Chunks);
}

impl<T: Serialize + ?Sized> ItemSerialized for &Probe<'_, T> {
    fn warmspan_item(&self, chunks: &mut Chunks) {
        chunks.value(self.0);
    }
}

/// Other items are counted.
pub trait ItemCounted {
    /// Records an item.
    fn warmspan_item(&self, chunks: &mut Chunks);
}

impl<T: ?Sized> ItemCounted for Probe<'_, T> {
    fn warmspan_item(&self, chunks: &mut Chunks) {
        chunks.count(type_name::<T>());
    }
}
