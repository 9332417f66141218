//! The function that is observed.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::ToTokens as _;
use syn::{
    Attribute, Block, Error, Expr, ExprAsync, FnArg, Ident, Pat, Result, Signature, Stmt, Token,
    Visibility,
    ext::IdentExt as _,
    parse::{Parse, ParseStream},
};

/// A function or method. Its body is not parsed, so it may hold whatever this compiler knows.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        refuse_other_items(input)?;
        let signature: Signature = input.parse()?;
        refuse_signature(&signature)?;
        if input.peek(Token![;]) {
            return Err(input.error(
                "there is no body to observe; put `#[observe]` on this method where it is \
                 implemented",
            ));
        }
        let body: Group = input.parse()?;
        let (inner, body) = without_inner_attributes(&body)?;
        attributes.extend(inner);
        Ok(Self {
            attributes,
            visibility,
            signature,
            body,
        })
    }
}

impl Function {
    /// Every variable that the patterns of the arguments bind. `self` is none of them.
    pub(crate) fn variables(&self) -> Vec<Variable> {
        let mut variables = Vec::new();
        for argument in &self.signature.inputs {
            if let FnArg::Typed(argument) = argument {
                let attributes = argument.attrs.iter();
                let cfg: Vec<_> = attributes.filter(|a| a.path().is_ident("cfg")).collect();
                bound_by(&argument.pat, &mut |name| {
                    variables.push(Variable {
                        name: name.clone(),
                        cfg: cfg.iter().map(|&attribute| attribute.clone()).collect(),
                    });
                });
            }
        }
        variables
    }

    /// The body, if it is nothing but an `async` block, which [`async_block`] finds in it.
    pub(crate) fn async_body(&self) -> Option<Block> {
        let mut block: Block = syn::parse2(self.body.to_token_stream()).ok()?;
        async_block(&mut block).is_some().then_some(block)
    }
}

/// A variable that an argument binds.
pub(crate) struct Variable {
    pub(crate) name: Ident,
    /// Under what conditions the argument exists.
    pub(crate) cfg: Vec<Attribute>,
}

impl Variable {
    /// The name to record it by.
    pub(crate) fn recorded_name(&self) -> String {
        let name = self.name.unraw().to_string();
        // `async_trait` names an argument that is a pattern `__arg1`.
        match name.strip_prefix("__arg") {
            Some(position) => format!("arg{position}"),
            None => name,
        }
    }
}

/// The `async` block that is the whole of a function's body, alone or boxed: what people write for
/// `impl Future`, and what `async_trait` makes of an `async fn`.
pub(crate) fn async_block(block: &mut Block) -> Option<&mut ExprAsync> {
    let (last, before) = block.stmts.split_last_mut()?;
    if !before
        .iter()
        .all(|statement| matches!(statement, Stmt::Item(_)))
    {
        return None;
    }
    match last {
        Stmt::Expr(expression, None) => async_expression(expression),
        _ => None,
    }
}

fn async_expression(expression: &mut Expr) -> Option<&mut ExprAsync> {
    match expression {
        Expr::Async(block) => Some(block),
        Expr::Call(call) if call.args.len() == 1 && is_box_pin(&call.func) => {
            async_expression(call.args.first_mut()?)
        }
        Expr::MethodCall(call) if call.method == "boxed" || call.method == "boxed_local" => {
            async_expression(&mut call.receiver)
        }
        Expr::Paren(inner) => async_expression(&mut inner.expr),
        Expr::Group(inner) => async_expression(&mut inner.expr),
        _ => None,
    }
}

fn is_box_pin(function: &Expr) -> bool {
    let Expr::Path(function) = function else {
        return false;
    };
    let mut segments = function.path.segments.iter().rev();
    segments
        .next()
        .is_some_and(|segment| segment.ident == "pin")
        && segments
            .next()
            .is_some_and(|segment| segment.ident == "Box")
}

/// Says where the attribute goes instead.
fn refuse_other_items(input: ParseStream<'_>) -> Result<()> {
    let ahead = input.fork();
    ahead.parse::<Option<Token![const]>>()?;
    ahead.parse::<Option<Token![async]>>()?;
    ahead.parse::<Option<Token![unsafe]>>()?;
    if ahead.peek(Token![extern]) || ahead.peek(Token![fn]) {
        return Ok(());
    }
    let message = if ahead.peek(Token![impl]) {
        "`#[observe]` goes on functions; put it on each method of this `impl`"
    } else if ahead.peek(Token![trait]) {
        "`#[observe]` goes on functions; put it on the methods where this trait is implemented"
    } else {
        "`#[observe]` goes on functions and methods"
    };
    Err(input.error(message))
}

fn refuse_signature(signature: &Signature) -> Result<()> {
    if let Some(token) = &signature.constness {
        return Err(Error::new_spanned(
            token,
            "a `const fn` cannot be observed, because it may run in the compiler; observe the \
             function that calls it",
        ));
    }
    if let Some(token) = &signature.unsafety {
        return Err(Error::new_spanned(
            token,
            "an `unsafe fn` cannot be observed, because its body would move into a closure, which \
             is safe; observe a safe function that calls it",
        ));
    }
    if let Some(variadic) = &signature.variadic {
        return Err(Error::new_spanned(
            variadic,
            "variable arguments cannot be observed; observe the function that calls this one",
        ));
    }
    Ok(())
}

/// `#![allow(..)]` inside of the body belongs to the function, not to the block that the body
/// becomes.
fn without_inner_attributes(body: &Group) -> Result<(Vec<Attribute>, Group)> {
    let parser = |input: ParseStream<'_>| {
        let inner = input.call(Attribute::parse_inner)?;
        let rest: TokenStream = input.parse()?;
        Ok((inner, rest))
    };
    let (mut inner, rest) = syn::parse::Parser::parse2(parser, body.stream())?;
    for attribute in &mut inner {
        attribute.style = syn::AttrStyle::Outer;
    }
    let mut without = Group::new(Delimiter::Brace, rest);
    without.set_span(body.span());
    Ok((inner, without))
}

fn bound_by(pattern: &Pat, found: &mut impl FnMut(&Ident)) {
    match pattern {
        Pat::Ident(binding) => {
            found(&binding.ident);
            if let Some((_, inner)) = &binding.subpat {
                bound_by(inner, found);
            }
        }
        Pat::Paren(inner) => bound_by(&inner.pat, found),
        Pat::Reference(inner) => bound_by(&inner.pat, found),
        Pat::Type(inner) => bound_by(&inner.pat, found),
        Pat::Tuple(tuple) => tuple.elems.iter().for_each(|p| bound_by(p, found)),
        Pat::TupleStruct(tuple) => tuple.elems.iter().for_each(|p| bound_by(p, found)),
        Pat::Slice(slice) => slice.elems.iter().for_each(|p| bound_by(p, found)),
        Pat::Struct(fields) => fields.fields.iter().for_each(|f| bound_by(&f.pat, found)),
        // Every alternative binds the same.
        Pat::Or(alternatives) => alternatives
            .cases
            .iter()
            .take(1)
            .for_each(|p| bound_by(p, found)),
        _ => {}
    }
}
