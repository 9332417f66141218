//! Responses in the form that API Gateway, function URLs and load balancers expect, read without
//! looking at their headers and without serialising them twice.

use std::fmt::{self, Display};

use serde::{
    Serialize, Serializer,
    ser::{self, Impossible, SerializeMap, SerializeStruct},
};

use crate::observation::{Captured, value};

/// What may be told of a response to an HTTP request.
#[derive(Debug, Default)]
pub(crate) struct Described {
    pub(crate) status: Option<u16>,
    pub(crate) output: Option<Captured>,
}

/// Reads status and body of a response; of the body at most `limit` characters are kept. A
/// response that is not in the gateway's form is a body itself. It is known by a status code or
/// headers, whatever the event was; in answer to an HTTP request, by a body alone.
pub(crate) fn describe_response<B: Serialize + ?Sized>(
    response: &B,
    limit: usize,
    is_http: bool,
) -> Described {
    match response.serialize(Probe { limit }) {
        Ok(parts) if parts.is_gateway_form || (is_http && parts.has_body) => Described {
            status: parts.status,
            output: if parts.is_base64 {
                parts.body.as_ref().map(decoded)
            } else {
                parts.body
            },
        },
        _ => Described {
            status: None,
            output: value::capture(response, limit),
        },
    }
}

/// The body was cut in its encoded form, so only what four characters stand for is decoded.
fn decoded(encoded: &Captured) -> Captured {
    let whole = encoded.text.len() / 4 * 4;
    let text = super::gateway::decode_body(
        encoded.text.get(..whole).unwrap_or_default(),
        true,
        usize::MAX,
    )
    .map(|captured| captured.text)
    .unwrap_or_default();
    let total = encoded.total * 3 / 4;
    // The end of what was cut may be half of a secret.
    let margin = if encoded.is_cut() { DECODED_MARGIN } else { 0 };
    let kept = text.chars().count().saturating_sub(margin);
    Captured::cut(text, kept, total).cut_to(kept)
}

/// Characters left out at a cut.
const DECODED_MARGIN: usize = 48;

#[derive(Default)]
struct Parts {
    is_gateway_form: bool,
    has_body: bool,
    status: Option<u16>,
    is_base64: bool,
    body: Option<Captured>,
}

impl Parts {
    fn see<T: Serialize + ?Sized>(&mut self, key: &str, value: &T, limit: usize) {
        match key {
            "statusCode" => {
                self.is_gateway_form = true;
                let status = serde_json::to_value(value).ok();
                self.status = status.and_then(|status| u16::try_from(status.as_u64()?).ok());
            }
            "headers" | "multiValueHeaders" | "cookies" => self.is_gateway_form = true,
            "body" => {
                self.has_body = true;
                self.body = value::capture(value, limit);
            }
            "isBase64Encoded" => {
                self.is_base64 = serde_json::to_value(value).is_ok_and(|flag| flag == true);
            }
            _ => {}
        }
    }
}

/// Looks at the top level of an object; refuses everything else.
struct Probe {
    limit: usize,
}

struct ProbeObject {
    limit: usize,
    key: String,
    parts: Parts,
}

impl Probe {
    fn object(self) -> ProbeObject {
        ProbeObject {
            limit: self.limit,
            key: String::new(),
            parts: Parts::default(),
        }
    }
}

impl SerializeMap for ProbeObject {
    type Ok = Parts;
    type Error = NotAnObject;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotAnObject> {
        self.key = value::metadata(key)
            .map(|captured| captured.text)
            .unwrap_or_default();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAnObject> {
        self.parts.see(&self.key, value, self.limit);
        Ok(())
    }

    fn end(self) -> Result<Parts, NotAnObject> {
        Ok(self.parts)
    }
}

impl SerializeStruct for ProbeObject {
    type Ok = Parts;
    type Error = NotAnObject;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), NotAnObject> {
        self.parts.see(key, value, self.limit);
        Ok(())
    }

    fn end(self) -> Result<Parts, NotAnObject> {
        Ok(self.parts)
    }
}

#[derive(Debug)]
struct NotAnObject;

impl Display for NotAnObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an object")
    }
}

impl std::error::Error for NotAnObject {}

impl ser::Error for NotAnObject {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

macro_rules! refuse {
    ($($method:ident($($argument:ty),*);)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<Parts, NotAnObject> {
            Err(NotAnObject)
        })*
    };
}

impl Serializer for Probe {
    type Ok = Parts;
    type Error = NotAnObject;
    type SerializeSeq = Impossible<Parts, NotAnObject>;
    type SerializeTuple = Impossible<Parts, NotAnObject>;
    type SerializeTupleStruct = Impossible<Parts, NotAnObject>;
    type SerializeTupleVariant = Impossible<Parts, NotAnObject>;
    type SerializeMap = ProbeObject;
    type SerializeStruct = ProbeObject;
    type SerializeStructVariant = Impossible<Parts, NotAnObject>;

    refuse! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Parts, NotAnObject> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Parts, NotAnObject> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Parts, NotAnObject> {
        Err(NotAnObject)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, NotAnObject> {
        Err(NotAnObject)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, NotAnObject> {
        Err(NotAnObject)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, NotAnObject> {
        Err(NotAnObject)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NotAnObject> {
        Err(NotAnObject)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<ProbeObject, NotAnObject> {
        Ok(self.object())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<ProbeObject, NotAnObject> {
        Ok(self.object())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NotAnObject> {
        Err(NotAnObject)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn described(response: impl Serialize, limit: usize) -> (Option<u16>, Option<String>) {
        let described = describe_response(&response, limit, true);
        (described.status, described.output.map(|output| output.text))
    }

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Response {
        status_code: i64,
        headers: [&'static str; 1],
        body: Option<&'static str>,
    }

    #[test]
    fn the_gateways_form_gives_status_and_body_and_no_header() {
        let response =
            json!({"statusCode": 201, "headers": {"set-cookie": "hush"}, "body": "made"});
        assert_eq!(
            described(&response, 100),
            (Some(201), Some("made".to_owned()))
        );

        let typed = Response {
            status_code: 500,
            headers: ["hush"],
            body: None,
        };
        assert_eq!(described(Some(typed), 100), (Some(500), None));
    }

    #[test]
    fn headers_alone_hide_the_rest() {
        assert_eq!(described(json!({"cookies": ["hush"]}), 100), (None, None));
    }

    #[test]
    fn an_encoded_body_is_decoded_even_when_cut() {
        let response =
            json!({"statusCode": 200, "isBase64Encoded": true, "body": "aGVsbG8gd29ybGQ="});
        assert_eq!(described(&response, 100).1.as_deref(), Some("hello world"));
        assert_eq!(described(&response, 6).1.as_deref(), Some(""));
    }

    #[test]
    fn any_other_value_is_a_body_itself() {
        assert_eq!(
            described(json!({"answer": 42}), 100),
            (None, Some("{\"answer\":42}".to_owned()))
        );
        assert_eq!(described("plain", 100), (None, Some("plain".to_owned())));
        let raw = serde_json::value::to_raw_value(&json!({"a": 1})).expect("JSON");
        assert_eq!(described(raw, 100), (None, Some("{\"a\":1}".to_owned())));
    }
}
