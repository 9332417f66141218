//! What the function returns, as far as its signature tells.

use proc_macro2::Span;
use syn::{
    GenericArgument, PathArguments, PathSegment, ReturnType, Type, TypeParamBound, parse_quote,
    punctuated::Punctuated, visit_mut::VisitMut,
};

/// What the function returns.
pub(crate) enum Returned {
    /// `!`: it never does.
    Never,
    /// A value or a stream.
    Now(Output),
    /// A future of one.
    Later(Output, FutureForm),
}

/// How a future is returned.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum FutureForm {
    /// As `impl Future`.
    Opaque,
    /// As `Pin<Box<dyn Future>>`, by this or another name.
    Boxed,
}

/// What there is in the end.
pub(crate) struct Output {
    /// Its type with `_` for what has no name.
    pub(crate) ty: Type,
    pub(crate) form: OutputForm,
}

/// What to do with the output.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum OutputForm {
    /// Record it.
    Value,
    /// Follow it; its type has no name.
    OpaqueStream,
    /// Follow it if it is there; `Result<impl Stream, E>`.
    OpaqueStreamInResult,
    /// Follow it; its type has a name and must stay as it is.
    NamedStream,
}

impl Returned {
    /// Reads a return type. `is_stream` says that the user knows it to be a stream.
    pub(crate) fn read(returned: &ReturnType, is_stream: bool) -> Self {
        let ty = match returned {
            ReturnType::Default => return Self::Now(Output::read(&parse_quote!(()), is_stream)),
            ReturnType::Type(_, ty) => &**ty,
        };
        if matches!(ty, Type::Never(_)) {
            return Self::Never;
        }
        match future(ty) {
            Some((output, form)) => Self::Later(Output::read(&output, is_stream), form),
            None => Self::Now(Output::read(ty, is_stream)),
        }
    }
}

impl Output {
    /// Reads the type of an output.
    pub(crate) fn read(ty: &Type, is_stream: bool) -> Self {
        let in_result = result_value(ty);
        let form = match stream_form(ty) {
            Some(form) => form,
            None => match in_result.and_then(stream_form) {
                Some(OutputForm::OpaqueStream) => OutputForm::OpaqueStreamInResult,
                Some(form) => form,
                None if !is_stream => OutputForm::Value,
                None if matches!(ty, Type::ImplTrait(_)) => OutputForm::OpaqueStream,
                None if matches!(in_result, Some(Type::ImplTrait(_))) => {
                    OutputForm::OpaqueStreamInResult
                }
                None => OutputForm::NamedStream,
            },
        };
        let mut ty = ty.clone();
        EraseImplTrait.visit_type_mut(&mut ty);
        Self { ty, form }
    }

    /// An output of which nothing is known.
    pub(crate) fn unknown(is_stream: bool) -> Self {
        Self::read(&parse_quote!(_), is_stream)
    }

    /// Whether the type says nothing.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.ty, Type::Infer(_))
    }
}

/// A type that has no name cannot be written where its value is.
struct EraseImplTrait;

impl VisitMut for EraseImplTrait {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::ImplTrait(_) = ty {
            *ty = Type::Infer(syn::TypeInfer {
                underscore_token: syn::Token![_](Span::call_site()),
            });
        } else {
            syn::visit_mut::visit_type_mut(self, ty);
        }
    }
}

fn future(ty: &Type) -> Option<(Type, FutureForm)> {
    let unknown = || parse_quote!(_);
    if let Some((bound, is_opaque)) = trait_of(ty, &["Future"]) {
        let form = if is_opaque {
            FutureForm::Opaque
        } else {
            FutureForm::Boxed
        };
        return Some((associated(bound, "Output").unwrap_or_else(unknown), form));
    }
    let last = last_segment(ty)?;
    let is_alias = last.ident == "BoxFuture" || last.ident == "LocalBoxFuture";
    is_alias.then(|| {
        let output = first_type(last).cloned().unwrap_or_else(unknown);
        (output, FutureForm::Boxed)
    })
}

fn stream_form(ty: &Type) -> Option<OutputForm> {
    if let Some((_, is_opaque)) = trait_of(ty, &["Stream", "TryStream", "FusedStream"]) {
        return Some(if is_opaque {
            OutputForm::OpaqueStream
        } else {
            OutputForm::NamedStream
        });
    }
    let last = last_segment(ty)?;
    let is_alias = last.ident == "BoxStream" || last.ident == "LocalBoxStream";
    is_alias.then_some(OutputForm::NamedStream)
}

/// `T` of `Result<T, E>`, `io::Result<T>` and the like.
fn result_value(ty: &Type) -> Option<&Type> {
    let last = last_segment(ty)?;
    first_type(last).filter(|_| last.ident.to_string().ends_with("Result"))
}

/// The bound that is one of `names` in `impl Trait` or in `Pin<Box<dyn Trait>>`, and whether it is
/// the former.
fn trait_of<'a>(ty: &'a Type, names: &[&str]) -> Option<(&'a PathSegment, bool)> {
    match ty {
        Type::ImplTrait(opaque) => Some((bound_named(&opaque.bounds, names)?, true)),
        Type::TraitObject(object) => Some((bound_named(&object.bounds, names)?, false)),
        Type::Paren(inner) => trait_of(&inner.elem, names),
        Type::Group(inner) => trait_of(&inner.elem, names),
        Type::Path(_) => {
            let last =
                last_segment(ty).filter(|last| last.ident == "Pin" || last.ident == "Box")?;
            trait_of(first_type(last)?, names).filter(|(_, is_opaque)| !is_opaque)
        }
        _ => None,
    }
}

fn bound_named<'a>(
    bounds: &'a Punctuated<TypeParamBound, syn::Token![+]>,
    names: &[&str],
) -> Option<&'a PathSegment> {
    bounds.iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last()?;
            names.iter().any(|name| last.ident == name).then_some(last)
        }
        _ => None,
    })
}

fn associated(bound: &PathSegment, name: &str) -> Option<Type> {
    arguments(bound).find_map(|argument| match argument {
        GenericArgument::AssocType(associated) if associated.ident == name => {
            Some(associated.ty.clone())
        }
        _ => None,
    })
}

fn first_type(segment: &PathSegment) -> Option<&Type> {
    arguments(segment).find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn arguments(segment: &PathSegment) -> impl Iterator<Item = &GenericArgument> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(arguments.args.iter()),
        _ => None,
    };
    arguments.into_iter().flatten()
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}
