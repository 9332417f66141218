//! Attributes, documentation, visibility and generics stay.

#![deny(missing_docs)]

/// Observed functions.
pub mod api {
    use warmspan::observe;

    /// Documented.
    #[observe]
    #[must_use]
    #[inline]
    pub fn first<'a, T>(items: &'a [T], or: &'a T) -> &'a T
    where
        T: Clone + 'a,
    {
        items.first().unwrap_or(or)
    }
}

fn main() {
    let first: fn(&'static [u8], &'static u8) -> &'static u8 = api::first;
    assert_eq!(first(&[1, 2], &3), &1);
}
