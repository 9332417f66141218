//! What is written when the attribute was not understood.

use proc_macro2::TokenStream;
use quote::quote;

/// The error, and the item as it was: code that uses it brings no errors of its own then.
pub(crate) fn expand(item: &TokenStream, error: &syn::Error) -> TokenStream {
    let error = error.to_compile_error();
    quote! {
        #error
        #item
    }
}
