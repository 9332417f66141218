//! The observed function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Block, Error, Expr, ExprAsync, Ident, LitStr, Result, ReturnType, Stmt, ext::IdentExt as _,
    parse_quote, spanned::Spanned as _,
};

use crate::{
    args::Args,
    function::{Function, Variable, async_block},
    output::{FutureForm, Output, OutputForm, Returned},
};

/// Writes the observed function.
///
/// The signature stays as it is. The body becomes: begin a call, run the body inside of it, look
/// at what came out, end the call. Everything that needs types, such as whether a value can be
/// serialised, is left to method resolution in the expansion (`warmspan::__private::Probe`).
pub(crate) fn expand(args: &Args, mut function: Function) -> Result<TokenStream> {
    let names = Names::new(args);
    let site = Site::new(args, &function, &names)?;
    let returned = Returned::read(&function.signature.output, args.stream.is_some());
    let body = Body {
        args,
        site: &site,
        names: &names,
        function: &function,
    };
    let observed = body.observed(returned)?;

    let attributes = std::mem::take(&mut function.attributes);
    let Function {
        visibility,
        signature,
        ..
    } = &function;
    Ok(quote! {
        #(#attributes)*
        #visibility #signature {
            #observed
        }
    })
}

/// The variables and paths of the expansion. The variables are hygienic: a body cannot see them.
struct Names {
    krate: syn::Path,
    private: TokenStream,
    call: Ident,
    output: Ident,
}

impl Names {
    fn new(args: &Args) -> Self {
        let krate = args
            .krate
            .clone()
            .unwrap_or_else(|| parse_quote!(::warmspan));
        Self {
            private: quote!(#krate::__private),
            krate,
            call: variable("call"),
            output: variable("output"),
        }
    }

    /// Brings the methods of `Probe` into scope. Which of them are used depends on types.
    fn traits(&self) -> TokenStream {
        let private = &self.private;
        quote! {
            #[allow(unused_imports)]
            use #private::{
                ErrorDisplayed as _, ErrorNamed as _, ItemCounted as _, ItemSerialized as _,
                ItemText as _, OutcomeOfResult as _, OutcomeOfValue as _, ValueNamed as _,
                ValueSerialized as _,
            };
        }
    }

    fn value(&self, of: &impl ToTokens) -> TokenStream {
        let private = &self.private;
        quote!((&&#private::Probe(#of)).warmspan_value())
    }

    fn message(&self, of: &impl ToTokens) -> TokenStream {
        let private = &self.private;
        quote!((&&#private::Probe(#of)).warmspan_message())
    }
}

/// How a call begins.
struct Site {
    description: TokenStream,
    sdk: Option<Expr>,
    input: TokenStream,
}

impl Site {
    fn new(args: &Args, function: &Function, names: &Names) -> Result<Self> {
        let Names { krate, private, .. } = names;
        let ident = &function.signature.ident;
        let own_name = || LitStr::new(&ident.unraw().to_string(), ident.span());
        let name = args.name.clone().unwrap_or_else(own_name);
        let kind = &args.as_type;
        Ok(Self {
            description: quote!(#private::Site::new(#name, #krate::ObservationType::#kind)),
            sdk: args.sdk.clone(),
            input: input(args, function, names)?,
        })
    }

    fn begin(&self) -> TokenStream {
        let Self {
            description,
            sdk,
            input,
        } = self;
        match sdk {
            None => quote!(#description.begin(#input)),
            Some(sdk) => {
                let sdk = quote_spanned!(sdk.span()=> &#sdk);
                quote!(#description.begin_in(#sdk, #input))
            }
        }
    }

    fn defer(&self) -> TokenStream {
        let Self {
            description,
            sdk,
            input,
        } = self;
        match sdk {
            None => quote!(#description.defer(#input)),
            Some(sdk) => {
                let sdk = quote_spanned!(sdk.span()=> &#sdk);
                quote!(#description.defer_in(#sdk, #input))
            }
        }
    }
}

/// The closure that records the arguments, before the body may move them.
fn input(args: &Args, function: &Function, names: &Names) -> Result<TokenStream> {
    let variables = function.variables();
    let recorded = recorded_arguments(args, &variables)?;
    if recorded.is_empty() {
        return Ok(quote!(|_| {}));
    }
    let traits = names.traits();
    let arguments = variable("arguments");
    let additions = recorded.iter().map(|(variable, recorded_name)| {
        let Variable { name, cfg } = variable;
        let value = names.value(&quote!(&#name));
        quote! {
            #(#cfg)*
            #[allow(clippy::used_underscore_binding)]
            #arguments.add(#recorded_name, &#value);
        }
    });
    Ok(quote! {
        |#arguments| {
            #traits
            #(#additions)*
        }
    })
}

/// The arguments to record, each with its name in the record.
fn recorded_arguments<'a>(
    args: &Args,
    variables: &'a [Variable],
) -> Result<Vec<(&'a Variable, String)>> {
    if !args.capture_input {
        return Ok(Vec::new());
    }
    let renamed = args.rename.iter().map(|rename| &rename.argument);
    for (position, name) in args.skip.iter().chain(renamed.clone()).enumerate() {
        check_argument(name, variables)?;
        if args
            .skip
            .iter()
            .chain(renamed.clone())
            .take(position)
            .any(|other| other == name)
        {
            let message = format!("argument `{name}` is named twice; name it once");
            return Err(Error::new(name.span(), message));
        }
    }
    let mut recorded: Vec<(&Variable, String)> = Vec::new();
    for variable in variables {
        if args.skip.contains(&variable.name) {
            continue;
        }
        let rename = args
            .rename
            .iter()
            .find(|rename| rename.argument == variable.name);
        let name = match rename {
            Some(rename) => rename.name.value(),
            None => variable.recorded_name(),
        };
        recorded.push((variable, name));
    }
    for rename in &args.rename {
        let name = rename.name.value();
        if recorded.iter().filter(|(_, other)| *other == name).count() > 1 {
            let message =
                format!("two arguments would be recorded as `{name}`; choose another name");
            return Err(Error::new(rename.name.span(), message));
        }
    }
    Ok(recorded)
}

fn check_argument(name: &Ident, variables: &[Variable]) -> Result<()> {
    if variables.iter().any(|variable| variable.name == *name) {
        return Ok(());
    }
    let message = if name == "self" {
        "`self` is never recorded; remove it here".to_owned()
    } else if variables.is_empty() {
        format!("there is no argument `{name}`; the function has none")
    } else {
        let names: Vec<_> = variables.iter().map(|v| format!("`{}`", v.name)).collect();
        format!(
            "there is no argument `{name}`; there is {}",
            names.join(", ")
        )
    };
    Err(Error::new(name.span(), message))
}

/// The new body.
struct Body<'a> {
    args: &'a Args,
    site: &'a Site,
    names: &'a Names,
    function: &'a Function,
}

impl Body<'_> {
    fn observed(&self, returned: Returned) -> Result<TokenStream> {
        let is_stream = self.args.stream.is_some();
        if let (Some(at), ReturnType::Default) = (self.args.stream, &self.function.signature.output)
        {
            let message = "this function returns nothing, so no stream either; remove `stream`";
            return Err(Error::new(at, message));
        }
        let is_async = self.function.signature.asyncness.is_some();
        Ok(match returned {
            Returned::Never => self.never(is_async),
            // The future that an `async fn` returns is a value to it.
            _ if is_async => {
                let output = match &self.function.signature.output {
                    ReturnType::Default => Output::read(&parse_quote!(()), is_stream),
                    ReturnType::Type(_, ty) => Output::read(ty, is_stream),
                };
                self.asynchronous(&output)
            }
            Returned::Later(output, form) => match self.function.async_body() {
                Some(block) => self.deferred(block, &output),
                None => self.future(&output, form),
            },
            Returned::Now(output) => match self.function.async_body() {
                Some(block) => self.deferred(block, &Output::unknown(is_stream)),
                None => self.synchronous(&output),
            },
        })
    }

    fn synchronous(&self, output: &Output) -> TokenStream {
        let Names {
            call,
            output: variable,
            ..
        } = self.names;
        let begin = self.site.begin();
        let body = &self.function.body;
        let ty = &output.ty;
        let finish = self.finish(output);
        quote! {
            let #call = #begin;
            #[allow(clippy::let_unit_value)]
            let #variable: #ty = #call.run(move || -> #ty #body);
            #finish
        }
    }

    fn asynchronous(&self, output: &Output) -> TokenStream {
        let call = &self.names.call;
        let begin = self.site.begin();
        // Without its braces: around a single expression they would be unused.
        let body = self.function.body.stream();
        let edge = return_edge(output);
        let awaited = self.awaited(&quote!(async move { #edge #body }), output);
        quote! {
            let #call = #begin;
            #awaited
        }
    }

    /// The body is an `async` block: it begins when it is polled, like an `async fn`.
    fn deferred(&self, mut body: Block, output: &Output) -> TokenStream {
        let deferred = variable("deferred");
        let defer = self.site.defer();
        if let Some(block) = async_block(&mut body) {
            self.observe_block(block, &deferred, output);
        }
        let statements = body.stmts;
        quote! {
            let #deferred = #defer;
            #(#statements)*
        }
    }

    fn observe_block(&self, block: &mut ExprAsync, deferred: &Ident, output: &Output) {
        let call = &self.names.call;
        let edge = return_edge(output);
        let capture = &block.capture;
        let body = &block.block.stmts;
        let awaited = self.awaited(&quote!(async #capture { #edge #(#body)* }), output);
        let observed = quote! {
            let #call = #deferred.begin();
            #awaited
        };
        block.block.stmts = vec![Stmt::Expr(Expr::Verbatim(observed), None)];
    }

    /// The body makes a future somehow: making it is part of the call.
    fn future(&self, output: &Output, form: FutureForm) -> TokenStream {
        let call = &self.names.call;
        let begin = self.site.begin();
        let body = &self.function.body;
        let future = variable("future");
        let awaited = self.awaited(&future.to_token_stream(), output);
        match form {
            FutureForm::Opaque => {
                let ty = &output.ty;
                quote! {
                    let #call = #begin;
                    let #future = #call.run_future::<#ty, _>(move || #body);
                    async move { #awaited }
                }
            }
            FutureForm::Boxed => {
                let ReturnType::Type(_, returned) = &self.function.signature.output else {
                    return TokenStream::new();
                };
                let returned = Output::read(returned, false).ty;
                quote! {
                    let #call = #begin;
                    let #future: #returned = #call.run(move || -> #returned #body);
                    if #call.is_off() {
                        return #future;
                    }
                    ::std::boxed::Box::pin(async move { #awaited })
                }
            }
        }
    }

    fn never(&self, is_async: bool) -> TokenStream {
        let call = &self.names.call;
        let begin = self.site.begin();
        let body = &self.function.body;
        let run = if is_async {
            quote!(#call.within(async move #body).await)
        } else {
            quote!(#call.run(move || -> ! #body))
        };
        quote! {
            let #call = #begin;
            #run
        }
    }

    fn awaited(&self, future: &TokenStream, output: &Output) -> TokenStream {
        let Names {
            call,
            output: variable,
            ..
        } = self.names;
        let ty = &output.ty;
        let finish = self.finish(output);
        quote! {
            #[allow(clippy::let_unit_value)]
            let #variable: #ty = #call.within(#future).await;
            #finish
        }
    }

    /// Looks at the output, ends the call, and evaluates to the output.
    fn finish(&self, output: &Output) -> TokenStream {
        match output.form {
            OutputForm::Value => self.finish_value(),
            OutputForm::OpaqueStream => self.finish_stream(),
            OutputForm::OpaqueStreamInResult => self.finish_stream_in_result(),
            OutputForm::NamedStream => self.finish_named_stream(&output.ty),
        }
    }

    fn finish_value(&self) -> TokenStream {
        let Names {
            call,
            output,
            private,
            ..
        } = self.names;
        let traits = self.names.traits();
        let (value, error) = (variable("value"), variable("error"));
        let message = self.names.message(&error);
        let record = self.recorded(&value, |recorded| {
            let value = self.names.value(&recorded);
            quote!(#call.output(&#value);)
        });
        quote! {
            if #call.is_recording() {
                #traits
                match (&&#private::Probe(&#output)).warmspan_outcome() {
                    ::core::result::Result::Ok(#value) => { #record }
                    ::core::result::Result::Err(#error) => #call.failed(#message),
                }
            }
            #call.end();
            #output
        }
    }

    fn finish_stream(&self) -> TokenStream {
        let Names { call, output, .. } = self.names;
        let record = self.record_item();
        quote!(#call.stream(#output, #record))
    }

    fn finish_stream_in_result(&self) -> TokenStream {
        let Names { call, output, .. } = self.names;
        let (stream, error) = (variable("stream"), variable("error"));
        let traits = self.names.traits();
        let record = self.record_item();
        let message = self.names.message(&quote!(&#error));
        quote! {
            match #output {
                ::core::result::Result::Ok(#stream) => {
                    ::core::result::Result::Ok(#call.stream(#stream, #record))
                }
                ::core::result::Result::Err(#error) => {
                    #traits
                    if #call.is_recording() {
                        #call.failed(#message);
                    }
                    #call.end();
                    ::core::result::Result::Err(#error)
                }
            }
        }
    }

    fn finish_named_stream(&self, ty: &syn::Type) -> TokenStream {
        let Names {
            call,
            output,
            private,
            ..
        } = self.names;
        let error = variable("error");
        let traits = self.names.traits();
        let record = self.record_item();
        let message = self.names.message(&error);
        // A type that is no stream is an error about the return type.
        let output = Ident::new(&output.to_string(), output.span().located_at(ty.span()));
        let follow = quote_spanned!(ty.span()=> #private::ReboxStream::warmspan_follow);
        quote! {
            #follow(#output, #call, #record, |#error| {
                #traits
                #message
            })
        }
    }

    /// The closure that looks at an item of a stream.
    fn record_item(&self) -> TokenStream {
        let private = &self.names.private;
        let traits = self.names.traits();
        let (chunks, item) = (variable("chunks"), variable("item"));
        let (value, error) = (variable("value"), variable("error"));
        let message = self.names.message(&error);
        let record = self.recorded(
            &value,
            |recorded| quote!((&&&#private::Probe(#recorded)).warmspan_item(#chunks);),
        );
        quote! {
            |#chunks, #item| {
                #traits
                match (&&#private::Probe(#item)).warmspan_outcome() {
                    ::core::result::Result::Ok(#value) => { #record }
                    ::core::result::Result::Err(#error) => #chunks.failed(#message),
                }
            }
        }
    }

    /// Records what `transform` makes of a value; nothing if the output is not captured.
    fn recorded(
        &self,
        value: &Ident,
        record: impl FnOnce(TokenStream) -> TokenStream,
    ) -> TokenStream {
        match &self.args.transform {
            _ if !self.args.capture_output => quote!(let _ = #value;),
            None => record(quote!(#value)),
            Some(transform) => {
                let transformed = variable("transformed");
                let record = record(quote!(&#transformed));
                // An argument of the wrong type is an error about `transform`.
                let argument = variable_at("value", transform.span());
                let apply = quote_spanned!(transform.span()=> (#transform)(#argument));
                quote! {
                    let #argument = #value;
                    #[allow(clippy::redundant_closure_call)]
                    let #transformed = #apply;
                    #record
                }
            }
        }
    }
}

/// A `return` that is never taken, of the type in the signature: an `async` block has no place to
/// write its type, and errors about it would point into the expansion.
fn return_edge(output: &Output) -> TokenStream {
    if output.is_unknown() {
        return TokenStream::new();
    }
    let ty = &output.ty;
    let edge = variable_at("edge", ty.span());
    quote_spanned! {ty.span()=>
        #[allow(unreachable_code, clippy::diverging_sub_expression)]
        if let ::core::option::Option::Some(#edge) = ::core::option::Option::None::<#ty> {
            return #edge;
        }
    }
}

/// A variable that only the expansion can see.
fn variable(name: &str) -> Ident {
    variable_at(name, Span::mixed_site())
}

/// Errors about it point at `place`.
fn variable_at(name: &str, place: Span) -> Ident {
    Ident::new(name, place.resolved_at(Span::mixed_site()))
}
