//! What stands in the parentheses of `#[observe(...)]`.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{
    Error, Expr, Ident, LitBool, LitStr, Path, Result, Token,
    ext::IdentExt as _,
    parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    token::Paren,
};

/// The arguments of the attribute. What was left out has its default.
pub(crate) struct Args {
    pub(crate) name: Option<LitStr>,
    pub(crate) as_type: Kind,
    pub(crate) capture_input: bool,
    pub(crate) capture_output: bool,
    pub(crate) skip: Vec<Ident>,
    pub(crate) rename: Vec<Rename>,
    pub(crate) transform: Option<Expr>,
    pub(crate) sdk: Option<Expr>,
    pub(crate) krate: Option<Path>,
    /// Where `stream` stands.
    pub(crate) stream: Option<Span>,
}

/// Everything that may be said, each once. The documentation of `warmspan::observe` has the same
/// table.
const RULES: &[Rule] = &[
    Rule {
        name: "name",
        usage: "name = \"answer\"",
        read: |args, given| {
            let name: LitStr = given.value()?;
            if name.value().trim().is_empty() {
                return Err(Error::new(
                    name.span(),
                    "an observation needs a name; write one, or remove `name` to use the \
                     function's",
                ));
            }
            args.name = Some(name);
            Ok(())
        },
    },
    Rule {
        name: "as_type",
        usage: "as_type = \"generation\"",
        read: |args, given| {
            args.as_type = Kind::find(&given.value()?)?;
            Ok(())
        },
    },
    Rule {
        name: "capture_input",
        usage: "capture_input = false",
        read: |args, given| {
            args.capture_input = given.value::<LitBool>()?.value;
            Ok(())
        },
    },
    Rule {
        name: "capture_output",
        usage: "capture_output = false",
        read: |args, given| {
            args.capture_output = given.value::<LitBool>()?.value;
            Ok(())
        },
    },
    Rule {
        name: "skip",
        usage: "skip(argument, ..)",
        read: |args, given| {
            args.skip = given.list(Ident::parse_any)?;
            Ok(())
        },
    },
    Rule {
        name: "rename",
        usage: "rename(argument = \"other\", ..)",
        read: |args, given| {
            args.rename = given.list(Rename::parse)?;
            Ok(())
        },
    },
    Rule {
        name: "transform",
        usage: "transform = function",
        read: |args, given| {
            args.transform = Some(given.value()?);
            Ok(())
        },
    },
    Rule {
        name: "sdk",
        usage: "sdk = expression",
        read: |args, given| {
            args.sdk = Some(given.value()?);
            Ok(())
        },
    },
    Rule {
        name: "stream",
        usage: "stream",
        read: |args, given| {
            args.stream = Some(given.word()?);
            Ok(())
        },
    },
    Rule {
        name: "crate",
        usage: "crate = path::to::warmspan",
        read: |args, given| {
            args.krate = Some(given.value()?);
            Ok(())
        },
    },
];

/// One argument: its name, how it is written, and how it is read.
struct Rule {
    name: &'static str,
    usage: &'static str,
    read: fn(&mut Args, &Given<'_>) -> Result<()>,
}

/// Names that users of other SDKs and macros write, and ours.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("type", "as_type"),
    ("kind", "as_type"),
    ("ignore", "skip"),
    ("skip_all", "capture_input"),
    ("transform_to_string", "transform"),
    ("ret", "capture_output"),
];

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut args = Self {
            name: None,
            as_type: Kind::default(),
            capture_input: true,
            capture_output: true,
            skip: Vec::new(),
            rename: Vec::new(),
            transform: None,
            sdk: None,
            krate: None,
            stream: None,
        };
        let mut seen: Vec<&str> = Vec::new();
        while !input.is_empty() {
            if input.peek(LitStr) {
                return Err(input.error("write `name = ` before the name"));
            }
            let key = Ident::parse_any(input).map_err(|error| {
                Error::new(error.span(), "write arguments such as `name = \"answer\"`")
            })?;
            let rule = Rule::find(&key)?;
            if seen.contains(&rule.name) {
                let message = format!("`{}` is given twice; remove one", rule.name);
                return Err(Error::new(key.span(), message));
            }
            seen.push(rule.name);
            (rule.read)(&mut args, &Given { rule, key, input })?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        args.check_together()?;
        Ok(args)
    }
}

impl Args {
    /// What each says alone is fine; this is about what they say together.
    fn check_together(&self) -> Result<()> {
        if let (false, Some(transform)) = (self.capture_output, &self.transform) {
            let message =
                "`transform` has nothing to do where `capture_output = false`; remove one";
            return Err(Error::new_spanned(transform, message));
        }
        let named = self
            .skip
            .first()
            .or(self.rename.first().map(|r| &r.argument));
        if let (false, Some(argument)) = (self.capture_input, named) {
            let message =
                "there is nothing to skip or rename where `capture_input = false`; remove one";
            return Err(Error::new(argument.span(), message));
        }
        Ok(())
    }
}

impl Rule {
    fn find(key: &Ident) -> Result<&'static Self> {
        if let Some(rule) = RULES.iter().find(|rule| key == rule.name) {
            return Ok(rule);
        }
        let other = OTHER_NAMES.iter().find(|(other, _)| key == other);
        let meant = other.and_then(|(_, name)| RULES.iter().find(|rule| rule.name == *name));
        let message = if let Some(rule) = meant {
            format!("unknown argument `{key}`; write `{}`", rule.usage)
        } else {
            let usages: Vec<_> = RULES.iter().map(|r| format!("`{}`", r.usage)).collect();
            let usages = usages.join(", ");
            format!("unknown argument `{key}`; `#[observe]` knows {usages}")
        };
        Err(Error::new(key.span(), message))
    }
}

/// An argument whose name has been read.
struct Given<'a> {
    rule: &'static Rule,
    key: Ident,
    input: ParseStream<'a>,
}

impl Given<'_> {
    /// Reads `= value`.
    fn value<T: Parse>(&self) -> Result<T> {
        if !self.input.peek(Token![=]) {
            return Err(self.wrong(self.key.span()));
        }
        self.input.parse::<Token![=]>()?;
        self.read(self.input, T::parse)
    }

    /// Reads `(item, item)`.
    fn list<T>(&self, item: fn(ParseStream<'_>) -> Result<T>) -> Result<Vec<T>> {
        if !self.input.peek(Paren) {
            return Err(self.wrong(self.key.span()));
        }
        let content;
        parenthesized!(content in self.input);
        let items = self.read(&content, |input| {
            Punctuated::<T, Token![,]>::parse_terminated_with(input, item)
        })?;
        Ok(items.into_iter().collect())
    }

    /// Reads nothing more.
    fn word(&self) -> Result<Span> {
        if self.input.is_empty() || self.input.peek(Token![,]) {
            return Ok(self.key.span());
        }
        Err(self.wrong(self.input.span()))
    }

    fn read<T>(
        &self,
        input: ParseStream<'_>,
        read: impl FnOnce(ParseStream<'_>) -> Result<T>,
    ) -> Result<T> {
        // At the end of the input there is no token to point at.
        let at = if input.is_empty() {
            self.key.span()
        } else {
            input.span()
        };
        read(input).map_err(|_| self.wrong(at))
    }

    fn wrong(&self, at: Span) -> Error {
        Error::new(at, format!("write `{}`", self.rule.usage))
    }
}

/// An argument of the function, and the name that it is recorded by.
pub(crate) struct Rename {
    pub(crate) argument: Ident,
    pub(crate) name: LitStr,
}

impl Parse for Rename {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let argument = Ident::parse_any(input)?;
        input.parse::<Token![=]>()?;
        let name = input.parse()?;
        Ok(Self { argument, name })
    }
}

/// The type of the observation: a variant of `warmspan::ObservationType`.
pub(crate) struct Kind {
    variant: Ident,
}

/// The names on the wire, and the variants.
const KINDS: &[(&str, &str)] = &[
    ("span", "Span"),
    ("generation", "Generation"),
    ("event", "Event"),
    ("embedding", "Embedding"),
    ("agent", "Agent"),
    ("tool", "Tool"),
    ("chain", "Chain"),
    ("retriever", "Retriever"),
    ("evaluator", "Evaluator"),
    ("guardrail", "Guardrail"),
];

impl Kind {
    fn find(literal: &LitStr) -> Result<Self> {
        let given = literal.value();
        let Some((_, variant)) = KINDS.iter().find(|(name, _)| *name == given) else {
            let names: Vec<_> = KINDS
                .iter()
                .map(|(name, _)| format!("\"{name}\""))
                .collect();
            let names = names.join(", ");
            let message = format!("no observation is of type \"{given}\"; the types are {names}");
            return Err(Error::new(literal.span(), message));
        };
        Ok(Self {
            variant: Ident::new(variant, Span::call_site()),
        })
    }
}

impl Default for Kind {
    fn default() -> Self {
        Self {
            variant: Ident::new("Span", Span::call_site()),
        }
    }
}

impl ToTokens for Kind {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.variant.to_tokens(tokens);
    }
}
