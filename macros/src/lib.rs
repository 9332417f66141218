//! The `#[observe]` attribute of [warmspan](https://docs.rs/warmspan); use it through that crate.
//!
//! It is a pipe: `args` reads what stands in the parentheses, `function` and `output` say what
//! the function is and returns, `expand` writes the observed function. If any of them fails,
//! `fallback` writes the function as it was, beside the error.

mod args;
mod expand;
mod fallback;
mod function;
mod output;

use args::Args;
use function::Function;
use proc_macro2::TokenStream;

/// Implemented by the crate `warmspan-macros`, which is not used by itself.
#[proc_macro_attribute]
pub fn observe(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let item = TokenStream::from(item);
    try_expand(args.into(), item.clone())
        .unwrap_or_else(|error| fallback::expand(&item, &error))
        .into()
}

fn try_expand(args: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let args: Args = syn::parse2(args)?;
    let function: Function = syn::parse2(item)?;
    expand::expand(&args, function)
}
